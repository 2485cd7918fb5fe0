"""A snapshot as metrics: whatever can be read off at the moment when somebody asks.

Names end in their unit, and in `_total` where they only go up. The level is in dBFS, which is no base unit: on purpose.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from mgcld.data import NANOSECONDS, MessageKind, SourceStatus, State
from mgcld.errors import REASONS
from mgcld.service.snapshot import BusStatus, SinkStatus, Snapshot
from mgcld.service.wire import Meta, NodeStatus

Rows = Iterable[tuple[Sequence[str], float | None]]
"""Values of the labels, and the number; None where nobody knows it."""

BATCH_SIZES = [2**power for power in range(11)]


def figures(snapshot: Snapshot, *, now_ns: int) -> Iterator[Metric]:
    """All of them, at that time (nanoseconds since the Unix epoch, UTC)."""
    turned = now_ns / NANOSECONDS - snapshot.turned_seconds
    yield _build(snapshot.meta)
    yield one(
        "ready", "1 while the model is warm, the sockets are bound, and it is not on its way out.", snapshot.ready
    )
    yield one("loop_turned_timestamp_seconds", "When the inference loop turned last.", turned)
    yield from _node(snapshot.status)
    yield from _states(snapshot.sources)
    yield from _sound(snapshot.sources)
    yield from _bus(snapshot.bus)
    yield from _sinks(snapshot.sinks)


def gauge(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """`mgcld_<name>`: a line for each row whose number is known."""
    return _filled(GaugeMetricFamily(f"mgcld_{name}", text, labels=labels), rows)


def counter(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """`mgcld_<name>_total`: a line for each row whose number is known."""
    return _filled(CounterMetricFamily(f"mgcld_{name}", text, labels=labels), rows)


def one(name: str, text: str, value: float | None) -> Metric:
    """A gauge without labels."""
    return gauge(name, text, (), [((), value)])


def _filled(family: GaugeMetricFamily | CounterMetricFamily, rows: Rows) -> Metric:
    for labels, value in rows:
        if value is not None:
            family.add_metric(labels, float(value))
    return family


def _build(meta: Meta) -> Metric:
    labels = {"version": meta.mgcld, "encoder": meta.encoder, "adapter": meta.adapter}
    return gauge("build_info", "What runs here: always 1.", [*labels], [([*labels.values()], 1)])


def _node(status: NodeStatus) -> Iterator[Metric]:
    yield one("realtime_factor_ratio", "Work for a second of sound (seconds), lately.", status.realtime_factor)
    yield one("load_ratio", "Work that live sources ask for each second (seconds), lately.", status.load)
    yield one("keeping_up", "1 while everything is done that it was asked for.", status.keeping_up)
    yield one("hop_factor", "Every n-th window of a live source is heard; 1 is all of them.", status.hop_factor)
    yield gauge("queue_depth", "What waits.", ["queue"], [(["inbox"], status.queue_depth)])
    yield one("gpu_memory_bytes", "GPU memory that is held; absent without a GPU.", status.gpu_bytes)
    skipped = status.skipped_captions
    yield counter("skipped_captions", "Windows without a caption of their own for want of time.", (), [((), skipped)])
    yield _batches(status.batches)


def _batches(batches: Mapping[int, int]) -> Metric:
    within = [sum(count for size, count in batches.items() if size <= limit) for limit in BATCH_SIZES]
    buckets = [*zip(map(str, map(float, BATCH_SIZES)), within, strict=True), ("+Inf", sum(batches.values()))]
    family = HistogramMetricFamily("mgcld_batch_size", "Windows that were heard at once.")
    family.add_metric([], buckets, sum_value=sum(size * count for size, count in batches.items()))
    return family


def _states(sources: Sequence[SourceStatus]) -> Iterator[Metric]:
    states = [([s.source, state], state == s.state) for s in sources for state in get_args(State)]
    yield gauge("source_state", "1 for the state that it is in.", ["source", "state"], states)
    alarms = [([s.source], s.alarm_since_ns is not None) for s in sources]
    yield gauge("source_alarm", "1 while it has been without lasting sound for long.", ["source"], alarms)
    known = [*REASONS]
    restarts = [
        ([s.source, reason], s.restarts_by_reason.get(reason, 0))
        for s in sources
        for reason in [*known, *(reason for reason in s.restarts_by_reason if reason not in known)]
    ]
    yield counter("source_restarts", "Times it was opened again, and why.", ["source", "reason"], restarts)


def _sound(sources: Sequence[SourceStatus]) -> Iterator[Metric]:
    def each(kind: str, name: str, text: str, field: str, scale: float = 1.0) -> Metric:
        rows = [([s.source], _scaled(getattr(s, field), scale)) for s in sources]
        return (gauge if kind == "gauge" else counter)(name, text, ["source"], rows)

    heard = "When audio was received last."
    yield each("gauge", "source_last_audio_timestamp_seconds", heard, "received_ns", 1 / NANOSECONDS)
    yield each(
        "counter", "source_received_bytes", "Audio received, as 32-bit mono at the native rate.", "received_bytes"
    )
    yield each("gauge", "source_level_dbfs", "Level of the newest window; absent for digital silence.", "level_dbfs")
    yield each("counter", "source_gaps", "Places where sound is missing, or may be.", "gaps")
    yield each("counter", "source_gap_seconds", "Sound that is missing, as far as is known.", "gap_seconds")
    yield each(
        "gauge", "source_backlog_seconds", "Sound that waits in its spool; absent without one.", "backlog_seconds"
    )
    yield each("counter", "source_lost_seconds", "Sound that its spool had no room for.", "lost_seconds")
    offsets = [([s.source], _number(s.facts.get("sender_clock_offset_seconds"))) for s in sources]
    text = "How far the clock of its sender is ahead of ours, where it tells."
    yield gauge("source_clock_offset_seconds", text, ["source"], offsets)


def _bus(bus: BusStatus) -> Iterator[Metric]:
    sent = [([kind], bus.published.get(kind, 0)) for kind in get_args(MessageKind)]
    yield counter("published_messages", "Messages published.", ["kind"], sent)
    yield counter("publish_dropped", "Messages that left the publisher's queue unsent.", (), [((), bus.dropped)])
    refused = "Connections to the bus that were refused: no key, or a wrong one."
    yield counter("zmq_auth_failures", refused, (), [((), bus.handshakes_failed)])


def _sinks(sinks: Sequence[SinkStatus]) -> Iterator[Metric]:
    def rows(values: Iterable[object]) -> Rows:
        return [([sink.name], _number(value)) for sink, value in zip(sinks, values, strict=True)]

    names = ["sink"]
    yield gauge("sink_queue_messages", "Messages that wait for it.", names, rows(sink.waiting for sink in sinks))
    dropped, failed = (sink.dropped for sink in sinks), (sink.failures for sink in sinks)
    yield counter("sink_dropped", "Messages that it was too slow for.", names, rows(dropped))
    yield counter("sink_failures", "Messages that it broke over.", names, rows(failed))
    for name, facts, text in (
        ("sink_delivered", ["delivered"], "Messages that it brought where they belong."),
        ("sink_delivery_failures", ["failed"], "Attempts to deliver that failed."),
        ("sink_given_up", ["dropped", "refused"], "Messages that it gave up, or that were refused for good."),
    ):
        yield counter(name, text, names, rows(_together(sink.facts, facts) for sink in sinks))
    waiting = (sink.facts.get("waiting") for sink in sinks)
    yield gauge("sink_outbox_messages", "Messages that wait in a queue of its own.", names, rows(waiting))


def _together(facts: Mapping[str, Any], names: Sequence[str]) -> float | None:
    numbers = [number for name in names if (number := _number(facts.get(name))) is not None]
    return sum(numbers) if numbers else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale
