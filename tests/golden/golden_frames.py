"""The golden frames: one message of every kind and variant, as it went over the wire when this version began.

`python tests/golden/golden_frames.py` writes the files again, after fields were added. It refuses where something that
stands in a file would change or go: subscribers out there rely on it, and that is a new version of the schema.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mgcld.data import Event, Message, Prediction, SourceStatus, Transition, Window
from mgcld.service import wire

FOLDER = Path(__file__).parent
BOOT_ID = "5f0c8a52-6b0e-4e6e-9d0a-0c2f4e1b7a93"
NOW_NS = 1_764_000_000_123_456_789
SECOND_NS = 1_000_000_000

WINDOW = Window(
    source="kitchen",
    samples=np.zeros(80_000, np.float32),
    sample_rate=16_000,
    first_sample=160_000,
    epoch=2,
    start_ns=NOW_NS - 5 * SECOND_NS,
    clock="adc",
    clock_uncertainty_ns=5_000_000,
    valid_samples=80_000,
    gap_samples=320,
    level_dbfs=-23.456,
    flags=frozenset({"late", "clipped"}),
    dropped_windows=1,
    peak_dbfs=-3.456,
)
SILENCE = replace(WINDOW, level_dbfs=None, peak_dbfs=None, gap_samples=None, flags=frozenset({"silent"}))
PREDICTION = Prediction(("siren", "rain"), (0.9, 0.0123456), 0.0876544, caption="the sound of a siren")
NOTHING = Prediction(("siren", "rain"), (0.0, 0.0), 1.0)
START = Event(
    id="01KAT4Y3V0ABCDEFGHJKMNPQRS",
    source="kitchen",
    name="dog/bark",
    phase="start",
    t_on_ns=NOW_NS - 10 * SECOND_NS,
    t_heard_ns=NOW_NS - 5 * SECOND_NS,
    p_max=0.9,
    p_mean=0.8123456789,
    windows=2,
    threshold_on=0.6,
    threshold_off=0.36,
    clock="rtcp",
    clock_uncertainty_ns=40_000_000,
    adapter="0a1b2c3d4e5f",
)
UPDATE = replace(START, phase="update", t_heard_ns=NOW_NS, windows=3)
END = replace(UPDATE, phase="end", reason="quiet")
LIVE = SourceStatus(
    source="garden",
    state="live",
    since_ns=NOW_NS - 60 * SECOND_NS,
    restarts=1,
    bytes_per_s=64_000.0,
    level_dbfs=-41.25,
    facts={"codec": "pcm_alaw", "channels": 1},
    history=(Transition(NOW_NS - 60 * SECOND_NS, "live", None),),
)
LOST = SourceStatus(
    source="garden",
    state="lost",
    since_ns=NOW_NS,
    reason="timeout",
    hint="is it on, and on this network?",
    restarts=3,
    next_retry_ns=NOW_NS + SECOND_NS,
    alarm_since_ns=NOW_NS,
    silent_since_ns=NOW_NS - SECOND_NS,
    drops=4,
    backlog_seconds=12.3,
    lost_seconds=7.0,
    gaps=2,
    gap_seconds=0.125,
    history=(*LIVE.history, Transition(NOW_NS, "lost", "timeout")),
)
NODE = wire.NodeStatus(0.1235, 2, 0.2, 400_000_000, None, {"live": 3, "lost": 1}, ("garden",), 5, 7)
META = wire.Meta(("dog/bark", "rain"), (0.5, 0.7), "mini", "tags", "0a1b2c3d4e5f", 5.0, 2.5, "0.1.0", ["kitchen"])
LATENCY = {"queue": 1.235, "encode": 30.0, "adapt": 2.5}

MESSAGES: dict[str, Message] = {
    "prob": wire.prob(WINDOW, PREDICTION, latency_ms=LATENCY, adapter="0a1b2c3d4e5f"),
    "prob-silence": wire.prob(SILENCE, NOTHING, latency_ms=LATENCY, adapter="0a1b2c3d4e5f"),
    "event-start": wire.event(START),
    "event-update": wire.event(UPDATE),
    "event-end": wire.event(END),
    "health-live": wire.source_health(LIVE),
    "health-lost": wire.source_health(LOST),
    "health-node": wire.node_health(NODE),
    "meta": wire.meta(META),
}


def stamped(message: Message) -> Message:
    """As sent at a fixed time, since a fixed start."""
    stamper = wire.Stamper("attic")
    stamper.boot_id = BOOT_ID
    return stamper.stamp(replace(message, header={"t_pub_ns": NOW_NS, **message.header}))


def as_object(message: Message) -> dict[str, Any]:
    """The frames by name, as a golden file holds them."""
    topic, header, body = wire.frames(stamped(message))
    return {"topic": topic.decode(), "header": json.loads(header), "body": json.loads(body)}


def broken(old: Any, new: Any, at: str = "") -> list[str]:
    """What stands in `old` and is not the same in `new`, which may have more fields."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [path for key in old for path in broken(old[key], new.get(key, ...), f"{at}/{key}")]
    same = type(old) is type(new) and old == new
    return [] if same else [at]


def main() -> None:
    """Write the files again, if that only adds."""
    for name, message in MESSAGES.items():
        path, new = FOLDER / f"{name}.json", as_object(message)
        changed = broken(json.loads(path.read_text(encoding="utf-8")), new) if path.exists() else []
        if changed:
            sys.exit(f"{path}: {', '.join(changed)} would change. Within a version changes only add.")
        path.write_text(json.dumps(new, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
