"""What Prometheus asks for: counted from the messages that leave, and read off a snapshot."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mgcld.data import NANOSECONDS, Message
from mgcld.service.http.figures import counter, figures, gauge
from mgcld.service.snapshot import Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
WAIT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
MOST_SERIES = 1000
"""More pairs of a source and a class are counted without their class."""
STAGES_OF_LOSS = ("capture", "inbox")

Pair = tuple[str, str]
"""A source and a class."""


class Metrics:
    """A sink of messages that counts them, and the page that shows what it counted. Any thread may use it."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody reads
        self._lock = threading.Lock()
        self._heard: Counter[str] = Counter()
        self._flags: Counter[Pair] = Counter()
        self._started: Counter[Pair] = Counter()
        self._last: dict[Pair, float] = {}
        self._lost: Counter[Pair] = Counter()  # samples of a source, at a stage
        self._new_seconds = 0.0  # in each window, of sound that was not in the one before
        self._timed: set[str] = set()
        self._registry = CollectorRegistry()
        self._wait = self._histogram("queue_wait_seconds", "How long windows waited for the encoder.", WAIT_SECONDS)
        self._stage = self._histogram(
            "stage_duration_seconds", "How long a window's batch took in a stage.", STAGE_SECONDS, ["stage"]
        )
        self._latency = self._histogram(
            "end_to_end_latency_seconds",
            "From the end of a live window's sound until its message left.",
            WAIT_SECONDS,
            ["source"],
        )
        for stage in ("encode", "adapt"):
            self._stage.labels(stage)
        ProcessCollector(registry=self._registry)

    def take(self, message: Message) -> None:
        """Count one stamped message."""
        with self._lock:
            if message.kind == "prob":
                self._window(message.header)
            elif message.kind == "event" and message.body["phase"] == "start":
                self._event(message.header["source"], message.body)
            elif message.kind == "meta":
                self._new_seconds = min(message.body["hop_seconds"], message.body["window_seconds"])

    def close(self) -> None:
        """Nothing is held open."""

    def exposition(self, snapshot: Snapshot) -> bytes:
        """The page, in the text format of Prometheus (`CONTENT_TYPE`)."""
        now = CollectorRegistry()
        with self._lock:
            self._forget_others(snapshot)
            now.register(_Collected([*self._counted(snapshot), *figures(snapshot, now_ns=time.time_ns())]))
            return generate_latest(now) + generate_latest(self._registry)

    def _window(self, header: Mapping[str, Any]) -> None:
        source = header["source"]
        self._heard[source] += 1
        self._flags.update((source, flag) for flag in header["flags"])
        self._lost[source, "capture"] += header["gap_samples"] or 0
        self._lost[source, "inbox"] += round(header["dropped_windows"] * self._new_seconds * header["sample_rate"])
        for stage, milliseconds in header["latency_ms"].items():
            (self._wait if stage == "queue" else self._stage.labels(stage)).observe(milliseconds / 1e3)
        if header["clock"] != "file":
            self._timed.add(source)
            latency = (header["t_pub_ns"] - header["t_end_ns"]) / NANOSECONDS
            self._latency.labels(source).observe(max(0.0, latency))

    def _event(self, source: str, body: Mapping[str, Any]) -> None:
        pair = source, body["class"]
        if pair not in self._started and len(self._started) >= MOST_SERIES:
            pair = source, ""
        self._started[pair] += 1
        self._last[pair] = body["t_on_ns"] / NANOSECONDS

    def _forget_others(self, snapshot: Snapshot) -> None:
        """Sources and classes that are gone, and all that there are from their first moment."""
        sources, classes = [status.source for status in snapshot.sources], snapshot.meta.classes
        gone = self._timed.difference(sources)
        for source in gone:
            self._latency.remove(source)
        self._timed -= gone
        self._heard = Counter({source: self._heard[source] for source in sources})
        self._lost = Counter({(source, at): self._lost[source, at] for source in sources for at in STAGES_OF_LOSS})
        self._flags = Counter({pair: count for pair, count in self._flags.items() if pair[0] in sources})
        known = {(source, name) for source in sources for name in (*classes, "")}
        self._started = Counter({pair: count for pair, count in self._started.items() if pair in known})
        self._last = {pair: at for pair, at in self._last.items() if pair in known}
        if len(sources) * len(classes) <= MOST_SERIES:
            self._started.update(dict.fromkeys((pair for pair in known if pair[1]), 0))

    def _counted(self, snapshot: Snapshot) -> Iterator[Metric]:
        windows = [
            *(([source, "heard"], count) for source, count in self._heard.items()),
            *(([status.source, "dropped"], status.drops) for status in snapshot.sources),
        ]
        yield counter("windows", "Windows of each source, and what became of them.", ["source", "result"], windows)
        samples = "Samples at the encoder's rate that were lost: before they came, or with windows thrown away."
        yield counter("source_dropped_samples", samples, ["source", "stage"], sorted(self._lost.items()))
        yield counter("window_flags", "Windows that had the flag.", ["source", "flag"], sorted(self._flags.items()))
        pair = ["source", "class"]
        yield counter("events", "Events that began.", pair, sorted(self._started.items()))
        yield gauge("event_last_timestamp_seconds", "When the last one began.", pair, sorted(self._last.items()))
        open_now = Counter(event.source for event in snapshot.events)
        rows = [([status.source], open_now[status.source]) for status in snapshot.sources]
        yield gauge("open_events", "Events that go on.", ["source"], rows)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], labels: Iterable[str] = ()) -> Histogram:
        return Histogram(f"mgcld_{name}", text, labels, buckets=buckets, registry=self._registry)


class _Collected(Collector):
    """Metrics that are there already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics
