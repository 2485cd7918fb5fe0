"""What Prometheus reads: right numbers, and a page that its own linter has nothing to say about."""

import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from snapshots import EVENT, GARDEN, META, MIC, SNAPSHOT

from mgcld.audio.windows import made_window
from mgcld.data import Event, Message, Prediction, Window
from mgcld.service import wire
from mgcld.service.http.metrics import CONTENT_TYPE, MOST_SERIES, Metrics
from mgcld.service.snapshot import Snapshot

STAMPER = wire.Stamper("attic")
HOSTILE = [
    'dog"} 1\nmgcld_fake_total 9',
    "back\\slash",
    "../etc/passwd",
    "\u202eright to left",
    "x" * 4096,
    "",
    "le\tquantile",
]
WINDOW = replace(
    made_window("mic", np.zeros(80, np.float32), 16), start_ns=1_700_000_000_000_000_000, clock="adc", flags=frozenset()
)


def prob(window: Window = WINDOW, **latency_ms: float) -> Message:
    prediction = Prediction(("dog", "kettle"), (0.5, 0.25), 0.25)
    latency = {"queue": 20.0, "encode": 30.0, "adapt": 4.0, **latency_ms}
    return STAMPER.stamp(wire.prob(window, prediction, latency_ms=latency, adapter="abc123"))


def event(record: Event = EVENT) -> Message:
    return STAMPER.stamp(wire.event(record))


def counted(*messages: Message, snapshot: Snapshot = SNAPSHOT) -> dict[str, float]:
    metrics = Metrics()
    for message in messages:
        metrics.take(message)
    return values(metrics.exposition(snapshot).decode())


def values(page: str) -> dict[str, float]:
    """`name{label=value,...}` -> number; the labels sorted, without quotes."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            key = sample.name + (f"{{{labels}}}" if labels else "")
            assert key not in found, f"{key} stands there twice"
            found[key] = sample.value
    return found


def test_windows_are_counted_by_source_with_those_that_were_dropped() -> None:
    page = counted(prob(), prob(), prob(replace(WINDOW, flags=frozenset({"silent", "late"}))))
    assert page["mgcld_windows_total{result=heard,source=mic}"] == 3
    assert page["mgcld_windows_total{result=dropped,source=mic}"] == 4
    assert page["mgcld_windows_total{result=heard,source=garden}"] == 0
    assert page["mgcld_window_flags_total{flag=silent,source=mic}"] == 1


def test_latencies_become_histograms_in_seconds() -> None:
    page = counted(prob(), prob(encode=600.0, queue=3000.0))
    assert page["mgcld_stage_duration_seconds_count{stage=encode}"] == 2
    assert page["mgcld_stage_duration_seconds_sum{stage=encode}"] == pytest.approx(0.63)
    assert page["mgcld_stage_duration_seconds_bucket{le=0.05,stage=encode}"] == 1
    assert page["mgcld_stage_duration_seconds_bucket{le=+Inf,stage=adapt}"] == 2
    assert page["mgcld_queue_wait_seconds_sum"] == pytest.approx(3.02)


def test_a_live_window_tells_how_long_it_took_from_sound_to_message() -> None:
    message = prob()
    late = replace(message, header={**message.header, "t_end_ns": message.header["t_pub_ns"] - 700_000_000})
    ahead = replace(message, header={**message.header, "t_end_ns": message.header["t_pub_ns"] + 9})
    page = counted(late, ahead, prob(replace(WINDOW, clock="file")))
    assert page["mgcld_end_to_end_latency_seconds_count{source=mic}"] == 2
    assert page["mgcld_end_to_end_latency_seconds_sum{source=mic}"] == pytest.approx(0.7)
    assert page["mgcld_end_to_end_latency_seconds_bucket{le=0.5,source=mic}"] == 1


def test_lost_samples_are_counted_where_they_were_lost() -> None:
    meta = STAMPER.stamp(wire.meta(META))
    page = counted(
        meta, prob(replace(WINDOW, gap_samples=100, dropped_windows=3)), prob(replace(WINDOW, gap_samples=None))
    )
    assert page["mgcld_source_dropped_samples_total{source=mic,stage=capture}"] == 100
    assert page["mgcld_source_dropped_samples_total{source=mic,stage=inbox}"] == 3 * 2.5 * 16
    assert page["mgcld_source_dropped_samples_total{source=garden,stage=inbox}"] == 0


def test_an_event_counts_once_when_it_starts_and_every_class_is_there_before() -> None:
    again = replace(EVENT, phase="update"), replace(EVENT, phase="end", reason="quiet")
    later = replace(EVENT, t_on_ns=1_700_000_100_500_000_000)
    page = counted(event(), *map(event, again), event(later))
    assert page["mgcld_events_total{class=dog,source=mic}"] == 2
    assert page["mgcld_events_total{class=kettle,source=garden}"] == 0
    assert page["mgcld_event_last_timestamp_seconds{class=dog,source=mic}"] == 1_700_000_100.5
    assert page["mgcld_open_events{source=mic}"] == 1
    assert "mgcld_event_last_timestamp_seconds{class=kettle,source=mic}" not in page


def test_what_a_snapshot_says_is_read_off_it() -> None:
    page = counted()
    expected = {
        "mgcld_build_info{adapter=abc123,encoder=mini,version=" + META.mgcld + "}": 1,
        "mgcld_ready": 1,
        "mgcld_realtime_factor_ratio": 0.25,
        "mgcld_load_ratio": 0.5,
        "mgcld_keeping_up": 1,
        "mgcld_queue_depth{queue=inbox}": 3,
        "mgcld_batch_size_count": 6,
        "mgcld_batch_size_sum": 18,
        "mgcld_batch_size_bucket{le=4.0}": 5,
        "mgcld_source_state{source=mic,state=live}": 1,
        "mgcld_source_state{source=mic,state=lost}": 0,
        "mgcld_source_alarm{source=garden}": 1,
        "mgcld_source_restarts_total{reason=timeout,source=mic}": 2,
        "mgcld_source_restarts_total{reason=auth,source=mic}": 0,
        "mgcld_source_last_audio_timestamp_seconds{source=mic}": 1_700_000_000.5,
        "mgcld_source_received_bytes_total{source=mic}": 640_000,
        "mgcld_source_level_dbfs{source=mic}": -31.5,
        "mgcld_source_gap_seconds_total{source=mic}": 1.25,
        "mgcld_source_clock_offset_seconds{source=mic}": -0.5,
        "mgcld_published_messages_total{kind=prob}": 20,
        "mgcld_published_messages_total{kind=event}": 0,
        "mgcld_publish_dropped_total": 6,
        "mgcld_zmq_auth_failures_total": 8,
        "mgcld_sink_queue_messages{sink=hook}": 5,
        "mgcld_sink_failures_total{sink=log}": 2,
        "mgcld_sink_delivered_total{sink=hook}": 7,
        "mgcld_sink_given_up_total{sink=hook}": 6,
        "mgcld_sink_outbox_messages{sink=hook}": 11,
    }
    assert {name: page.get(name) for name in expected} == expected
    assert page["process_resident_memory_bytes"] > 1e6
    assert page["process_start_time_seconds"] > 1e9
    for absent in (
        "mgcld_gpu_memory_bytes",
        "mgcld_source_level_dbfs{source=garden}",
        "mgcld_sink_delivered_total{sink=log}",
        "mgcld_sink_given_up_total{sink=log}",
    ):
        assert absent not in page
    gpu = replace(SNAPSHOT, status=replace(SNAPSHOT.status, gpu_bytes=5, keeping_up=False))
    assert counted(snapshot=gpu)["mgcld_gpu_memory_bytes"] == 5
    assert counted(snapshot=gpu)["mgcld_keeping_up"] == 0


def test_what_is_gone_from_the_daemon_is_gone_from_the_page() -> None:
    metrics = Metrics()
    both = prob(), prob(replace(WINDOW, source="garden", flags=frozenset({"late"}))), event()
    for message in (*both, event(replace(EVENT, source="garden", name="kettle"))):
        metrics.take(message)
    assert 'source="garden"' in metrics.exposition(SNAPSHOT).decode()
    fewer = replace(SNAPSHOT, sources=(MIC,), meta=replace(META, classes=("dog", "door"), thresholds=(0.5, 0.5)))
    page = metrics.exposition(fewer).decode()
    assert "garden" not in page
    assert "kettle" not in page
    assert values(page)["mgcld_events_total{class=dog,source=mic}"] == 1  # the same class under another adapter
    assert values(page)["mgcld_events_total{class=door,source=mic}"] == 0
    back = values(metrics.exposition(SNAPSHOT).decode())
    assert back["mgcld_windows_total{result=heard,source=garden}"] == 0


def test_class_names_cannot_forge_a_line() -> None:
    names = [name for name in HOSTILE if name]
    hostile = replace(SNAPSHOT, meta=replace(META, classes=names, thresholds=[0.5] * len(names)))
    metrics = Metrics()
    for name in names:
        metrics.take(event(replace(EVENT, name=name)))
    page = metrics.exposition(hostile).decode()
    assert "mgcld_fake_total" not in [line.split(" ")[0] for line in page.split("\n")]
    lint(page)
    found = {
        sample.labels["class"]: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "mgcld_events_total" and sample.labels["source"] == "mic"
    }
    assert found == dict.fromkeys(names, 1)


def test_very_many_classes_do_not_make_very_many_series() -> None:
    names = [f"class {number}" for number in range(MOST_SERIES + 200)]
    many = replace(SNAPSHOT, meta=replace(META, classes=names, thresholds=[0.5] * len(names)))
    metrics = Metrics()
    for name in names:
        metrics.take(event(replace(EVENT, name=name)))
    page = values(metrics.exposition(many).decode())
    series = [value for name, value in page.items() if name.startswith("mgcld_events_total")]
    assert len(series) == MOST_SERIES + 1
    assert sum(series) == len(names)


def test_it_is_read_while_it_counts() -> None:
    metrics, done = Metrics(), threading.Event()

    def count() -> None:
        while not done.is_set():
            metrics.take(prob())
            metrics.take(event())

    threads = [threading.Thread(target=count, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for sources in ((MIC, GARDEN), (GARDEN,), (MIC,)) * 10:
            lint(metrics.exposition(replace(SNAPSHOT, sources=sources)).decode())
    finally:
        done.set()
        for thread in threads:
            thread.join(10)


# In the spirit of `promtool check metrics`

UNITS = "seconds|bytes|ratio|info|total|dbfs|messages"
NO_UNIT = {
    *("mgcld_ready", "mgcld_keeping_up", "mgcld_hop_factor", "mgcld_queue_depth", "mgcld_batch_size"),
    *("mgcld_source_state", "mgcld_source_alarm", "mgcld_open_events", "process_open_fds", "process_max_fds"),
}
"""States, and numbers of things that their names tell."""


def lint(page: str) -> None:
    assert page.endswith("\n")
    helps, types = (Counter(re.findall(rf"^# {what} (\S+) \S", page, re.M)) for what in ("HELP", "TYPE"))
    assert set(helps.values()) == set(types.values()) == {1}
    assert helps.keys() == types.keys()
    values(page)
    for family in text_string_to_metric_families(page):
        _lint_name(family.name, family.type)
        names = {sample.name for sample in family.samples}
        for sample in family.samples:
            _lint_labels(family.name, family.type, list(sample.labels))
        if family.type == "histogram":
            _lint_histogram(family.name, names, page)


def _lint_name(name: str, kind: str) -> None:
    assert re.fullmatch(r"(mgcld|process)_[a-z0-9_]+", name), name
    assert not re.search(
        r"_(gauge|counter|histogram|summary|count|sum|bucket|milliseconds|ms|kb|mb|percent)(_|$)", name
    )
    if kind != "counter":  # the parser takes `_total` away from a counter's name
        assert not name.endswith("_total")
        assert re.search(rf"_({UNITS})$", name) or name in NO_UNIT, f"{name} has no unit"


def _lint_labels(name: str, kind: str, labels: Sequence[str]) -> None:
    for label in labels:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", label)
        assert label != name.removeprefix("mgcld_")
        assert f"by_{label}" not in name, f"{name} says its label {label}"
        assert label not in ("le", "quantile") or kind in ("histogram", "summary")


def _lint_histogram(name: str, names: set[str], page: str) -> None:
    assert names == {f"{name}_bucket", f"{name}_sum", f"{name}_count"} or not names
    read = values(page)
    for key, count in read.items():
        if key.startswith(f"{name}_count"):
            labels = key.removeprefix(f"{name}_count").strip("{}")
            top = f"{name}_bucket{{le=+Inf{',' + labels if labels else ''}}}"
            assert read[top] == count


def test_the_linter_of_prometheus_has_nothing_to_say() -> None:
    metrics = Metrics()
    for message in (STAMPER.stamp(wire.meta(META)), prob(), event(), prob(replace(WINDOW, source="garden"))):
        metrics.take(message)
    page = metrics.exposition(SNAPSHOT).decode()
    assert "version=0.0.4" in CONTENT_TYPE
    lint(page)
    for wrong in ("# HELP mgcld_x_total x\n# TYPE mgcld_x_total gauge\nmgcld_x_total 1\n", "mgcld_ready 1\n"):
        with pytest.raises(AssertionError):
            lint(page + wrong)


def test_series_do_not_become_many() -> None:
    series = Counter(name.partition("{")[0] for name in counted(prob(), event()))
    assert max(series.values()) < 100
