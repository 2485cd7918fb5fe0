"""Records -> the messages that subscribers see (schema version 1), and messages <-> frames."""

import json
import math
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast, get_args
from urllib.parse import quote

import mgcld
from mgcld.data import Event, Message, MessageKind, Prediction, SourceStatus, State, Window
from mgcld.errors import MessageError

VERSION = 1
PREFIX = f"mgcl/v{VERSION}"
TOP = 5
"""So many classes stand in `top`."""
HISTORY = 10
"""So many changes of its state stand in a source's health."""
STAMP = frozenset({"schema", "node", "boot_id", "seq", "t_pub_ns"})
"""What every header holds."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How the daemon itself is doing."""

    realtime_factor: float | None
    """Seconds of work to one second of sound, lately; over 1 it falls behind. None before the first window."""
    queue_depth: int
    """Windows that wait for the encoder."""
    windows_per_s: float
    """Windows done a second, lately."""
    rss_bytes: int
    """Memory that the process holds."""
    gpu_bytes: int | None
    """GPU memory that the process holds; None without a GPU."""
    sources: Mapping[State, int]
    """State -> how many sources are in it."""
    alarms: Sequence[str] = ()
    """Sources that have been without lasting sound for long enough to tell a person."""
    dropped_messages: int = 0
    """Messages that came faster than the publisher or a sink could pass them on, so far."""
    skipped_captions: int = 0
    """Windows that got no caption of their own because there was no time, so far."""
    keeping_up: bool = True
    """Everything that it was asked for is done; False for a minute after it was not."""
    overload: str | None = None
    """What it cannot do, and what a person can do about it; also where it is close to that."""
    load: float | None = None
    """Seconds of work that live sources ask for each second, lately, if each of their windows is heard."""
    hop_factor: int = 1
    """Every second window of a live source is heard where this is 2, and so on: 1 unless it cannot keep up."""
    batches: Mapping[int, int] = field(default_factory=dict)
    """Windows heard at once -> how often, so far; not on the bus."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What the numbers in `prob` mean."""

    classes: Sequence[str]
    """The order of `p`."""
    thresholds: Sequence[float]
    """Probability from which a class counts as heard, in the order of `classes`."""
    encoder: str
    captioner: str | None
    adapter: str
    """Short hash, as in the header of `prob`."""
    window_seconds: float
    hop_seconds: float
    mgcld: str = mgcld.__version__
    sources: Sequence[str] = ()
    """What is listened to: there is nothing to hear of any other source."""


def topic(kind: MessageKind, *names: str) -> str:
    """`mgcl/v1/<kind>/<name>/`: a name that holds `/` or controls is percent-encoded."""
    return "/".join([PREFIX, kind, *(quote(name, safe="") for name in names), ""])


def prob(window: Window, prediction: Prediction, *, latency_ms: Mapping[str, float], adapter: str) -> Message:
    """One window's probabilities."""
    header = {
        "source": window.source,
        "epoch": window.epoch,
        "first_sample": window.first_sample,
        "samples": len(window.samples),
        "valid_samples": window.valid_samples,
        "sample_rate": window.sample_rate,
        "t_start_ns": window.start_ns,
        "t_end_ns": window.end_ns,
        "clock": window.clock,
        "clock_uncertainty_ns": window.clock_uncertainty_ns,
        "gap_samples": window.gap_samples,
        "dropped_windows": window.dropped_windows,
        "flags": sorted(window.flags),
        "level_dbfs": _level(window.level_dbfs),
        "peak_dbfs": _level(window.peak_dbfs),
        "latency_ms": {stage: round(ms, 3) for stage, ms in latency_ms.items()},
        "adapter": adapter,
    }
    body: dict[str, Any] = {
        "p": [round(p, 6) for p in prediction.p],
        "unknown": round(prediction.unknown, 6),
        "top": [[name, round(p, 6)] for name, p in prediction.top[:TOP]],
    }
    if prediction.caption is not None:
        body["caption"] = prediction.caption
    if prediction.caption is not None or not prediction.caption_fresh:
        body["caption_fresh"] = prediction.caption_fresh
    return Message("prob", topic("prob", window.source), header, body)


def event(record: Event) -> Message:
    """A class begins, goes on, or is over."""
    header = {
        "source": record.source,
        "clock": record.clock,
        "clock_uncertainty_ns": record.clock_uncertainty_ns,
        "adapter": record.adapter,
    }
    body = {
        "id": record.id,
        "phase": record.phase,
        "class": record.name,
        "t_on_ns": record.t_on_ns,
        "t_heard_ns": record.t_heard_ns,
        "t_off_ns": record.t_off_ns,
        "p_max": round(record.p_max, 6),
        "p_mean": round(record.p_mean, 6),
        "windows": record.windows,
        "threshold_on": round(record.threshold_on, 6),
        "threshold_off": round(record.threshold_off, 6),
        "reason": record.reason,
    }
    return Message("event", topic("event", record.source, record.name), header, body)


def source_health(status: SourceStatus) -> Message:
    """How one source is doing."""
    body = {
        "state": status.state,
        "since_ns": status.since_ns,
        "reason": status.reason,
        "hint": status.hint,
        "restarts": status.restarts,
        "restarts_by_reason": dict(status.restarts_by_reason),
        "next_retry_ns": status.next_retry_ns,
        "bytes_per_s": round(status.bytes_per_s, 1),
        "level_dbfs": _level(status.level_dbfs),
        "drops": status.drops,
        "backlog_seconds": None if status.backlog_seconds is None else round(status.backlog_seconds, 1),
        "lost_seconds": round(status.lost_seconds, 1),
        "gaps": status.gaps,
        "gap_seconds": round(status.gap_seconds, 3),
        "alarm_since_ns": status.alarm_since_ns,
        "silent_since_ns": status.silent_since_ns,
        "facts": dict(status.facts),
        "history": [[step.at_ns, step.state, step.reason] for step in status.history[-HISTORY:]],
    }
    return Message("health", topic("health", status.source), {}, body)


def node_health(status: NodeStatus) -> Message:
    """How the daemon is doing."""
    body = {
        "realtime_factor": None if status.realtime_factor is None else round(status.realtime_factor, 4),
        "queue_depth": status.queue_depth,
        "windows_per_s": round(status.windows_per_s, 3),
        "rss_bytes": status.rss_bytes,
        "gpu_bytes": status.gpu_bytes,
        "sources": dict(status.sources),
        "alarms": [*status.alarms],
        "dropped_messages": status.dropped_messages,
        "skipped_captions": status.skipped_captions,
        "keeping_up": status.keeping_up,
        "overload": status.overload,
        "load": None if status.load is None else round(status.load, 4),
        "hop_factor": status.hop_factor,
    }
    return Message("health", topic("health", "node"), {}, body)


def meta(record: Meta) -> Message:
    """What runs here: classes, their thresholds, the models."""
    thresholds = [round(threshold, 6) for threshold in record.thresholds]
    body = asdict(record) | {"classes": [*record.classes], "thresholds": thresholds, "sources": [*record.sources]}
    return Message("meta", topic("meta"), {}, body)


class Stamper:
    """Completes headers: who sent it, since which start, and as which of its topic. Any thread may use it."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.boot_id = str(uuid.uuid4())
        self._sent: Counter[str] = Counter()
        self._lock = threading.Lock()

    def stamp(self, message: Message) -> Message:
        """The message with `schema`, `node`, `boot_id`, `seq` and `t_pub_ns`; `seq` counts each topic from 0."""
        with self._lock:
            seq = self._sent[message.topic]
            self._sent[message.topic] += 1
        stamp = {"schema": _schema(message.kind), "node": self.node, "boot_id": self.boot_id, "seq": seq}
        return replace(message, header={**stamp, "t_pub_ns": time.time_ns(), **message.header})


def frames(message: Message) -> list[bytes]:
    """Topic, header, body, as they go over the wire.

    Raises:
        ValueError: a number is not finite.
    """
    return [message.topic.encode(), _json(message.header), _json(message.body)]


def parse(received: Sequence[bytes]) -> Message:
    """The message that these frames hold.

    Raises:
        MessageError: they hold none of this version.
    """
    if len(received) != 3:
        raise MessageError(f"{len(received)} frames are no message: topic, header and body make one")
    try:
        name = received[0].decode()
        header, body = (json.loads(frame, parse_constant=_refuse) for frame in received[1:])
    except (ValueError, RecursionError) as error:
        raise MessageError(f"frames hold no JSON: {error}") from error
    kind = name.removeprefix(f"{PREFIX}/").partition("/")[0]
    if not name.startswith(f"{PREFIX}/") or not name.endswith("/") or kind not in get_args(MessageKind):
        raise MessageError(f"{name[:80]!r} is no topic of version {VERSION}")
    if not (isinstance(header, dict) and isinstance(body, dict) and header.keys() >= STAMP):
        raise MessageError(f"{name}: header and body must be objects, the header with {', '.join(sorted(STAMP))}")
    if header["schema"] != _schema(kind):
        raise MessageError(f"{name}: schema {str(header['schema'])[:80]!r} is not {_schema(kind)!r}")
    return Message(cast(MessageKind, kind), name, header, body)


def _schema(kind: str) -> str:
    return f"mgcl.{kind}/{VERSION}"


def _level(dbfs: float | None) -> float | None:
    """Digital silence is null, never 0 and never an infinity, which JSON does not know."""
    return round(dbfs, 2) if dbfs is not None and math.isfinite(dbfs) else None


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")
