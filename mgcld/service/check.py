"""`mgcld check`: everything that `mgcld run` would use is tried once, and let go of."""

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgcld.audio.pipeline import Pipeline
from mgcld.audio.probe import Heard, probe
from mgcld.audio.troubles import SILENT
from mgcld.errors import MgcldError, PublishError, SourceError
from mgcld.interfaces import Encoder, Openable, Sink
from mgcld.model.adapter import Adapter
from mgcld.model.checkpoint import adapter_hash, check_captioner, check_encoder, load_adapter
from mgcld.model.listen import Listener
from mgcld.model.recogniser import Recogniser
from mgcld.service.engine import faint_noise
from mgcld.service.findings import Finding, Step, together
from mgcld.service.publisher import Publisher

SOURCES_SECONDS = 15.0
"""All sources together: 8 s for an opening, 3 s of listening, and the end of a capture process that hangs."""
PARTS_SECONDS = 15.0
"""All sinks together, and the socket."""
OLD_SECONDS = 10.0
"""Sound that is older, or younger than now by as much, has a wrong clock."""
CLIPPED = "it is distorted: turn its gain down"
HELD = "a running mgcld may hold it: some devices serve one listener only"
HELD_REASONS = frozenset({"absent", "refused", "timeout", "ended", "unknown"})


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """How the model is made and what it will have to do."""

    path: Path
    """The adapter's file."""
    build_encoder: Callable[[], Encoder]
    build_listener: Callable[[Encoder, Adapter], Listener]
    hop_seconds: float
    sources: int
    """How many there are."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """What there is to be tried."""

    sources: Mapping[str, Callable[[], Openable]]
    stall_seconds: float
    model: ModelPlan
    build_publisher: Callable[[], Publisher]
    publishes_on: Callable[[str], str | None]
    """Who publishes on an address already, in words; None if no mgcld does."""
    sinks: Mapping[str, Callable[[], Sink]]

    def findings(self) -> Generator[Finding, None, None]:
        """What is found, as it is found. Close the iterator to end early; nothing stays behind."""
        running = False
        with contextlib.closing(together(self._outlets(), PARTS_SECONDS)) as outlets:
            for finding in outlets:
                running = running or (finding.kind == "publish" and finding.state == "warning")
                yield finding
        with contextlib.closing(together(self._inlets(running), SOURCES_SECONDS)) as inlets:
            yield from inlets
        with contextlib.closing(together([Step("adapter", "", self._model)])) as model:
            yield from model

    def _outlets(self) -> list[Step]:
        return [Step("publish", "", self._publish), *(Step("sink", name, self._sink(name)) for name in self.sinks)]

    def _inlets(self, running: bool) -> list[Step]:
        return [Step("source", name, self._source(name, running)) for name in self.sources]

    def _source(self, name: str, running: bool) -> Callable[[threading.Event], Iterator[Finding]]:
        def listen(stop: threading.Event) -> Iterator[Finding]:
            source = self.sources[name]()
            yield source_finding(name, probe(source, stop=stop, stall_seconds=self.stall_seconds), source.live, running)

        return listen

    def _sink(self, name: str) -> Callable[[threading.Event], Iterator[Finding]]:
        def build(_: threading.Event) -> Iterator[Finding]:
            self.sinks[name]().close()
            yield Finding("sink", name)

        return build

    def _publish(self, _: threading.Event) -> Iterator[Finding]:
        publisher = self.build_publisher()
        try:
            publisher.start()
        except PublishError as error:
            other = self.publishes_on(publisher.endpoint)
            if other is None:
                raise
            taken = f"{other} publishes there: end it before you start another"
            yield Finding("publish", facts={"endpoint": publisher.endpoint, "taken": str(error)}, warnings=(taken,))
            return
        publisher.close()
        yield Finding("publish", facts={"endpoint": publisher.endpoint})

    def _model(self, _: threading.Event) -> Iterator[Finding]:
        yield from model_findings(self.model)


def source_finding(name: str, heard: Heard, live: bool, running: bool = False) -> Finding:
    """What a source has let us hear, as a finding."""
    facts = {
        **heard.facts,
        "live": live,
        "sample_rate": heard.facts.get("sample_rate", heard.sample_rate),
        "first_sound_seconds": _rounded(heard.first_seconds, 3),
        "sound_seconds": round(heard.sound_seconds, 2),
        "gaps": heard.gaps,
        "level_dbfs": _rounded(heard.level_dbfs, 2),
        "peak_dbfs": _rounded(heard.peak_dbfs, 2),
        "flags": sorted(heard.flags),
        "clock": heard.clock,
        "clock_uncertainty_ns": heard.clock_uncertainty_ns,
        "age_seconds": _rounded(heard.age_seconds, 3),
    }
    error = heard.error
    if error is not None and running and error.reason in HELD_REASONS:
        help = f"{error.help}; {HELD}" if error.help else HELD
        error = SourceError(str(error), reason=error.reason, help=help)
    return Finding("source", name, facts, error, tuple(_doubts(heard, live)) if error is None else ())


def _doubts(heard: Heard, live: bool) -> Iterator[str]:
    if live and "silent" in heard.flags:
        yield SILENT
    if "clipped" in heard.flags:
        yield CLIPPED
    if heard.gaps:
        yield f"{heard.gaps} gaps in {heard.sound_seconds:.0f} s of sound: check the network, or take transport tcp"
    offset = heard.facts.get("sender_clock_offset_seconds")
    age = heard.age_seconds if not isinstance(offset, int | float) else -float(offset)
    if age is not None and abs(age) > OLD_SECONDS:
        way = "behind" if age > 0 else "ahead of"
        yield f"its clock is {abs(age):.0f} s {way} ours: set both by NTP"


def model_findings(plan: ModelPlan) -> Iterator[Finding]:
    """Adapter, encoder, captioner, one inference: one after the other, each as far as what it needs is there."""
    attempt = _Attempt()
    adapter = attempt("adapter", lambda: load_adapter(plan.path))
    yield attempt.finding(**_adapter_facts(adapter, plan.path))
    encoder = attempt("encoder", plan.build_encoder)
    yield attempt.finding(**_encoder_facts(encoder))
    if adapter is None or encoder is None:
        missing = "an adapter" if adapter is None else "an encoder"
        yield from (Finding("captioner", needs=missing), Finding("inference", needs=missing))
        return
    listener = attempt("captioner", lambda: _fitting(plan, encoder, adapter))
    yield attempt.finding(**({"by": listener.captioner.provenance} if listener else {}))
    if listener is None:
        yield Finding("inference", needs="a captioner")
        return
    facts = attempt("inference", lambda: _inference(plan, listener, adapter))
    yield attempt.finding(warnings=_slow(plan, facts), **(facts or {}))


class _Attempt:
    """Makes things, and remembers how the last one went."""

    def __call__(self, kind: Any, make: Callable[[], Any]) -> Any:
        self._kind, self._error = kind, None
        began = time.monotonic()
        try:
            return make()
        except MgcldError as error:
            self._error = error
            return None
        finally:
            self._seconds = time.monotonic() - began

    def finding(self, warnings: Iterable[str] = (), **facts: Any) -> Finding:
        facts = {**facts, "seconds": round(self._seconds, 3)}
        return Finding(self._kind, facts=facts, error=self._error, warnings=tuple(warnings))


def _adapter_facts(adapter: Adapter | None, path: Path) -> dict[str, Any]:
    if adapter is None:
        return {"path": str(path)}
    made = adapter.provenance
    return {
        "path": str(path),
        "adapter": adapter_hash(path),
        "classes": [*adapter.classes],
        "window_seconds": made.window_seconds,
        "trained_with": made.encoder,
    }


def _encoder_facts(encoder: Encoder | None) -> dict[str, Any]:
    if encoder is None:
        return {}
    return {
        "encoder": encoder.name,
        "weights_hash": encoder.weights_hash[:12],
        "device": encoder.device,
        "sample_rate": encoder.sample_rate,
    }


def _fitting(plan: ModelPlan, encoder: Encoder, adapter: Adapter) -> Listener:
    check_encoder(adapter, encoder)
    listener = plan.build_listener(encoder, adapter)
    check_captioner(adapter, listener.captioner)
    return listener


def _inference(plan: ModelPlan, listener: Listener, adapter: Adapter) -> dict[str, Any]:
    """Twice: what libraries set up at the first does not count."""
    recogniser = Recogniser(listener, adapter)
    rate, seconds = recogniser.sample_rate, recogniser.window_seconds
    Pipeline("check", sample_rate=rate, window_seconds=seconds, hop_seconds=plan.hop_seconds)  # whole samples?
    window = faint_noise(rate, seconds)
    times = []
    for _ in range(2):
        began = time.monotonic()
        recogniser([window])
        times.append(time.monotonic() - began)
    busy = times[1] * plan.sources / plan.hop_seconds
    return {"first_ms": _ms(times[0]), "latency_ms": _ms(times[1]), "busy": round(busy, 4)}


def _slow(plan: ModelPlan, facts: Mapping[str, Any] | None) -> Iterator[str]:
    if facts is not None and facts["busy"] > 1:
        yield (
            f"{plan.sources} sources, each heard every {plan.hop_seconds:g} s, may be more than this machine can hear: "
            "windows would be dropped; make hop_seconds longer, or take a faster encoder or device"
        )


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
