"""Adapter, encoder, captioner and one inference, tried once."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mgcld.audio.pipeline import Pipeline
from mgcld.errors import MgcldError
from mgcld.interfaces import Encoder
from mgcld.model.adapter import Adapter
from mgcld.model.checkpoint import adapter_hash, check_captioner, check_encoder, load_adapter
from mgcld.model.listen import Listener
from mgcld.model.recogniser import Recogniser
from mgcld.service.engine import faint_noise
from mgcld.service.findings import Finding, Kind, bug

Made = TypeVar("Made")


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
    check_events: Callable[[Adapter], None] = lambda _: None
    """Raises `ConfigError` where the rules of events do not fit the adapter."""


def model_findings(plan: ModelPlan) -> Iterator[Finding]:
    """Adapter, encoder, captioner, one inference: one after the other, each as far as what it needs is there."""
    attempt = _Attempt()
    adapter = attempt("adapter", lambda: load_adapter(plan.path))
    yield attempt.finding(**_adapter_facts(adapter, plan.path))
    if adapter is not None:
        attempt("events", lambda: plan.check_events(adapter))
        yield attempt.finding(classes=len(adapter.classes))
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

    _kind: Kind
    _error: MgcldError | None
    _seconds: float

    def __call__(self, kind: Kind, make: Callable[[], Made]) -> Made | None:
        """What it makes; None when that fails."""
        self._kind, self._error = kind, None
        began = time.monotonic()
        try:
            return make()
        except MgcldError as error:
            self._error = error
        except Exception as error:
            self._error = bug(error, kind)
        finally:
            self._seconds = time.monotonic() - began
        return None

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
            "windows would be dropped (with a spool: late); make hop_seconds longer, or take a faster encoder or device"
        )


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
