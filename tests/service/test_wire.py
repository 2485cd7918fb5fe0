"""The messages are what the page promises, and survive the way through frames."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mgcld
from mgcld.data import Message, Prediction, SourceStatus, Transition, Window
from mgcld.errors import MessageError
from mgcld.service import wire

STAMP = {"schema", "node", "boot_id", "seq", "t_pub_ns"}
WINDOW = Window(
    source="kitchen",
    samples=np.zeros(80_000, np.float32),
    sample_rate=16_000,
    first_sample=160_000,
    epoch=2,
    start_ns=1_700_000_000_000_000_000,
    clock="adc",
    clock_uncertainty_ns=5_000_000,
    valid_samples=80_000,
    gap_samples=None,
    level_dbfs=-23.456789,
    flags=frozenset({"late", "clipped"}),
    dropped_windows=3,
    peak_dbfs=-3.456789,
)
PREDICTION = Prediction(("siren", "rain"), (0.9, 0.0123456789), 0.0876543211, caption="the sound of a siren")
LATENCY = {"queue": 1.23456789, "encode": 30.0, "adapt": 2.5}
NODE = wire.NodeStatus(
    0.123456, 2, 0.2, 400_000_000, None, {"live": 3, "lost": 1}, alarms=("garden",), skipped_captions=7
)
META = wire.Meta(("siren", "rain"), (0.5, 0.7), "mini", "tags", "0a1b2c3d", 5.0, 2.5, sources=["kitchen"])


def prob(window: Window = WINDOW, prediction: Prediction = PREDICTION) -> Message:
    return wire.prob(window, prediction, latency_ms=LATENCY, adapter="0a1b2c3d")


def sent(message: Message) -> Message:
    return wire.parse(wire.frames(wire.Stamper("attic").stamp(message)))


def test_a_prob_has_exactly_the_promised_fields() -> None:
    message = sent(prob())
    assert message.topic == "mgcl/v1/prob/kitchen/"
    axis = {"source", "epoch", "first_sample", "samples", "sample_rate"}
    clock = {"t_start_ns", "t_end_ns", "clock", "clock_uncertainty_ns"}
    sound = {"valid_samples", "gap_samples", "dropped_windows", "flags", "level_dbfs", "peak_dbfs"}
    assert message.header.keys() == STAMP | axis | clock | sound | {"latency_ms", "adapter"}
    assert message.body.keys() == {"p", "unknown", "top", "caption", "caption_fresh"}


def test_a_prob_says_what_the_window_and_the_prediction_say() -> None:
    header, body = sent(prob()).header, sent(prob()).body
    assert header["schema"] == "mgcl.prob/1"
    assert (header["epoch"], header["first_sample"], header["samples"]) == (2, 160_000, 80_000)
    assert header["t_end_ns"] - header["t_start_ns"] == 5_000_000_000
    assert header["flags"] == ["clipped", "late"]
    assert header["gap_samples"] is None
    assert (header["level_dbfs"], header["peak_dbfs"]) == (-23.46, -3.46)
    assert header["latency_ms"] == {"queue": 1.235, "encode": 30.0, "adapt": 2.5}
    assert body["p"] == [0.9, 0.012346]
    assert body["top"] == [["siren", 0.9], ["unknown", 0.087654], ["rain", 0.012346]]
    assert sum(body["p"]) + body["unknown"] == pytest.approx(1, abs=1e-5)


def test_a_prob_without_captions_has_no_caption() -> None:
    body = sent(prob(prediction=replace(PREDICTION, caption=None))).body
    assert body.keys() == {"p", "unknown", "top"}


def test_a_prob_says_whether_its_caption_is_its_own() -> None:
    assert sent(prob()).body["caption_fresh"] is True
    old = sent(prob(prediction=replace(PREDICTION, caption_fresh=False))).body
    assert (old["caption"], old["caption_fresh"]) == ("the sound of a siren", False)
    without = sent(prob(prediction=replace(PREDICTION, caption=None, caption_fresh=False))).body
    assert without["caption_fresh"] is False
    assert "caption" not in without


@pytest.mark.parametrize("level", [None, -math.inf, math.nan])
def test_digital_silence_is_null(level: float | None) -> None:
    header = sent(prob(replace(WINDOW, level_dbfs=level, peak_dbfs=level))).header
    assert (header["level_dbfs"], header["peak_dbfs"]) == (None, None)


def test_a_number_that_is_none_never_gets_out() -> None:
    message = wire.Stamper("attic").stamp(prob(prediction=replace(PREDICTION, unknown=math.nan)))
    with pytest.raises(ValueError, match="JSON"):
        wire.frames(message)


def test_the_health_of_a_source_has_exactly_the_promised_fields() -> None:
    steps = tuple(Transition(at_ns, "live" if at_ns % 2 else "lost", None) for at_ns in range(15))
    status = SourceStatus(
        source="mic1",
        state="lost",
        since_ns=17,
        reason="timeout",
        hint="is it on?",
        restarts=3,
        restarts_by_reason={"dns": 1, "timeout": 2},
        next_retry_ns=99,
        alarm_since_ns=18,
        silent_since_ns=16,
        bytes_per_s=63_999.96,
        level_dbfs=-math.inf,
        drops=4,
        backlog_seconds=12.34,
        lost_seconds=7.0,
        gaps=2,
        gap_seconds=0.1234,
        facts={"codec": "pcm_alaw", "channels": 1},
        history=(*steps, Transition(17, "lost", "timeout")),
    )
    message = sent(wire.source_health(status))
    assert message.topic == "mgcl/v1/health/mic1/"
    assert message.header.keys() == STAMP
    assert message.body == {
        "state": "lost",
        "since_ns": 17,
        "reason": "timeout",
        "hint": "is it on?",
        "restarts": 3,
        "restarts_by_reason": {"dns": 1, "timeout": 2},
        "next_retry_ns": 99,
        "bytes_per_s": 64_000.0,
        "level_dbfs": None,
        "drops": 4,
        "backlog_seconds": 12.3,
        "lost_seconds": 7.0,
        "gaps": 2,
        "gap_seconds": 0.123,
        "alarm_since_ns": 18,
        "silent_since_ns": 16,
        "facts": {"codec": "pcm_alaw", "channels": 1},
        "history": [*([step.at_ns, step.state, None] for step in steps[6:]), [17, "lost", "timeout"]],
    }


def test_the_health_of_the_node_has_exactly_the_promised_fields() -> None:
    message = sent(wire.node_health(NODE))
    assert message.topic == "mgcl/v1/health/node/"
    assert message.body == {
        "realtime_factor": 0.1235,
        "queue_depth": 2,
        "windows_per_s": 0.2,
        "rss_bytes": 400_000_000,
        "gpu_bytes": None,
        "sources": {"live": 3, "lost": 1},
        "alarms": ["garden"],
        "dropped_messages": 0,
        "skipped_captions": 7,
        "keeping_up": True,
        "overload": None,
        "load": None,
        "hop_factor": 1,
    }


def test_meta_has_exactly_the_promised_fields() -> None:
    message = sent(wire.meta(META))
    assert message.topic == "mgcl/v1/meta/"
    assert message.body == {
        "classes": ["siren", "rain"],
        "thresholds": [0.5, 0.7],
        "encoder": "mini",
        "captioner": "tags",
        "adapter": "0a1b2c3d",
        "window_seconds": 5.0,
        "hop_seconds": 2.5,
        "mgcld": mgcld.__version__,
        "sources": ["kitchen"],
    }


def test_seq_counts_each_topic_from_zero_and_boot_id_is_new_at_each_start() -> None:
    stamper = wire.Stamper("attic")
    other = prob(replace(WINDOW, source="cellar"))
    headers = [stamper.stamp(message).header for message in (prob(), prob(), other, prob())]
    assert [header["seq"] for header in headers] == [0, 1, 0, 2]
    assert {header["boot_id"] for header in headers} == {stamper.boot_id}
    assert wire.Stamper("attic").boot_id != stamper.boot_id


def test_no_topic_is_the_beginning_of_another_one() -> None:
    assert not wire.topic("prob", "mic10").startswith(wire.topic("prob", "mic1"))


@settings(deadline=None)
@given(st.text(min_size=1))
def test_any_name_stays_one_level_of_the_topic(name: str) -> None:
    name = name.encode(errors="replace").decode()
    topic = wire.topic("event", "mic1", name)
    assert topic.isascii()
    assert topic.isprintable()
    assert topic.count("/") == 5


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.sampled_from(["prob", "event", "health", "meta"]), st.dictionaries(st.text(), values), st.text(max_size=20))
def test_every_message_survives_its_frames(kind: Any, body: dict[str, Any], node: str) -> None:
    message = wire.Stamper(node).stamp(Message(kind, wire.topic(kind, "mic1"), {}, body))
    assert wire.parse(wire.frames(message)) == message


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=4))
def test_random_frames_are_a_named_error(frames: list[bytes]) -> None:
    with pytest.raises(MessageError):
        wire.parse(frames)


@pytest.mark.parametrize(
    ("topic", "header", "body"),
    [
        ("mgcl/v1/prob/mic1", {}, {}),
        ("mgcl/v2/prob/mic1/", {}, {}),
        ("mgcl/v1/gossip/mic1/", {}, {}),
        ("mgcl/v1/prob/mic1/", {"schema": "mgcl.prob/2"}, {}),
        ("mgcl/v1/prob/mic1/", {"schema": ["mgcl.prob/1"]}, {}),
        ("mgcl/v1/prob/mic1/", {}, []),
    ],
)
def test_what_is_not_of_this_version_is_a_named_error(topic: str, header: dict[str, Any], body: Any) -> None:
    whole = dict(wire.Stamper("attic").stamp(prob()).header) | header
    with pytest.raises(MessageError, match="mgcl"):
        wire.parse([topic.encode(), json.dumps(whole).encode(), json.dumps(body).encode()])


@pytest.mark.parametrize("body", [b"NaN", b'{"p": Infinity}', b"[" * 100_000, b"\xff", b"null", b""])
def test_a_body_that_is_no_json_object_is_a_named_error(body: bytes) -> None:
    topic, header, _ = wire.frames(wire.Stamper("attic").stamp(prob()))
    with pytest.raises(MessageError):
        wire.parse([topic, header, body])


def test_a_header_without_its_stamp_is_a_named_error() -> None:
    with pytest.raises(MessageError, match="boot_id"):
        wire.parse(wire.frames(prob()))
