"""Windows of a few samples, probabilities beside them, and what any stream of events must be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mgcld.data import NANOSECONDS, Clock, Event, Flag, Prediction, Window, nanoseconds
from mgcld.events import Decider, Rule, Rules

RATE = 10
SIZE = 50
"""Samples of a window: 5 s."""
NOON_NS = 1_700_000_000_000_000_000
CLASSES = ("siren", "rain")
PLAIN = Rule(threshold_on=0.6, threshold_off=0.4, quiet_windows=1, refractory_seconds=0)


def window(
    start: int,
    *,
    source: str = "yard",
    epoch: int = 0,
    gap: int | None = 0,
    flags: Sequence[Flag] = (),
    valid: int = SIZE,
    start_ns: int | None = None,
    clock: Clock = "adc",
    uncertainty_ns: int = 0,
) -> Window:
    """The window that begins at that sample, heard so long after noon unless told otherwise."""
    return Window(
        source=source,
        samples=np.zeros(SIZE, np.float32),
        sample_rate=RATE,
        first_sample=start,
        epoch=epoch,
        start_ns=NOON_NS + nanoseconds(start, RATE) if start_ns is None else start_ns,
        clock=clock,
        clock_uncertainty_ns=uncertainty_ns,
        valid_samples=valid,
        gap_samples=gap,
        level_dbfs=-20.0,
        flags=frozenset(flags),
    )


def prediction(*p: float, classes: Sequence[str] = CLASSES) -> Prediction:
    """These probabilities; of classes that are not told, none."""
    return Prediction(tuple(classes), (*p, *[0.0] * (len(classes) - len(p))), 0.0)


def decider(rule: Rule = PLAIN, *, hop: float = 5.0, update_seconds: float = 5.0) -> Decider:
    """One that judges both classes everywhere by this rule."""
    made = Decider(longest_hop_seconds=hop, update_seconds=update_seconds)
    assert made.use(CLASSES, "0a1b", Rules(dict.fromkeys(CLASSES, rule))) == []
    return made


def heard(made: Decider, p: Sequence[float], *, hop: int = SIZE, at: int = 0, **more: Any) -> list[Event]:
    """What a sequence of the siren's probabilities leads to, one window each `hop` samples."""
    starts = range(at, at + hop * len(p), hop)
    return [
        event
        for start, value in zip(starts, p, strict=True)
        for event in made.judge(window(start, **more), prediction(value))
    ]


def seconds(nanoseconds_utc: int | None) -> float:
    """Since noon."""
    assert nanoseconds_utc is not None
    return (nanoseconds_utc - NOON_NS) / NANOSECONDS


def said(events: Sequence[Event]) -> list[str]:
    """Phase, times and reason of each, to be read."""
    return [
        f"{event.phase} {seconds(event.t_on_ns):g}-{seconds(event.t_heard_ns):g}"
        + (f" {event.reason}" if event.reason else "")
        for event in events
    ]


@dataclass
class Referee:
    """Hears every event and knows what must not be."""

    update_seconds: float = 5.0
    open: dict[tuple[str, str], Event] = field(default_factory=dict)
    told_ns: dict[str, int] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    starts: int = 0

    def hear(self, events: Sequence[Event]) -> None:
        for event in events:
            self._facts(event)
            {"start": self._start, "update": self._update, "end": self._end}[event.phase](event)

    def _facts(self, event: Event) -> None:
        assert 1 >= event.p_max >= event.p_mean > 0
        assert event.p_max >= event.threshold_off
        assert event.t_on_ns < event.t_heard_ns
        assert event.windows >= 1
        assert (event.reason is not None) == (event.phase == "end")
        assert event.t_off_ns == (event.t_heard_ns if event.phase == "end" else None)

    def _start(self, event: Event) -> None:
        assert (event.source, event.name) not in self.open, "a start while one is open"
        assert event.id not in self.ids, "an id that was used before"
        self.ids.add(event.id)
        self.starts += 1
        self.open[event.source, event.name] = event
        self.told_ns[event.id] = event.t_heard_ns

    def _update(self, event: Event) -> None:
        self._goes_on(event)
        assert event.t_heard_ns - self.told_ns[event.id] >= self.update_seconds * NANOSECONDS
        self.open[event.source, event.name] = event
        self.told_ns[event.id] = event.t_heard_ns

    def _end(self, event: Event) -> None:
        self._goes_on(event)
        del self.open[event.source, event.name]

    def _goes_on(self, event: Event) -> None:
        before = self.open[event.source, event.name]
        assert (event.id, event.t_on_ns, event.adapter) == (before.id, before.t_on_ns, before.adapter)
        assert event.t_heard_ns >= before.t_heard_ns
        assert event.p_max >= before.p_max
        assert event.windows >= before.windows
