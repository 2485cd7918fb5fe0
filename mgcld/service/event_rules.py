"""The configuration's rules for events, and what the adapter says, into the rule of every class at every source."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mgcld.config import EventRule, EventsConfig
from mgcld.errors import ConfigError
from mgcld.events import Rule, Rules

SHARE_OFF = 0.6
"""`threshold_off`, where nobody says it, is so much of `threshold`."""
_DEFAULT = Rule()

Levels = Sequence[tuple[str, EventRule]]
"""(path in the configuration, what it says), what goes before first."""


def build_rules(events: EventsConfig, classes: Sequence[str], thresholds: Sequence[float]) -> Rules:
    """What holds for each class of an adapter, which has a threshold of its own for each.

    What a class at a source says goes before what the source says, that before what the class says everywhere, and
    that before what is said for everything.

    Raises:
        ConfigError: what several places say does not fit together, or does not fit the adapter's thresholds.
    """
    own = dict(zip(classes, thresholds, strict=True))
    common = {name: _resolved(_levels(events, None, name), name, p) for name, p in own.items()}
    at = {
        source: {name: _resolved(_levels(events, source, name), name, p) for name, p in own.items()}
        for source in events.sources
    }
    return Rules(common, at)


def unknown_classes(events: EventsConfig, classes: Sequence[str]) -> list[str]:
    """One line for each rule for a class that the adapter does not have, with the class that may be meant."""
    return [
        f"{path}: the adapter has no such class{_meant(name, classes)}"
        for path, name in _class_paths(events)
        if name not in classes
    ]


def check_classes(events: EventsConfig, classes: Sequence[str]) -> None:
    """At the start a rule for a class that nobody hears is a mistake; after a swap `unknown_classes` is a warning.

    Raises:
        ConfigError: the adapter does not have a class that a rule is for.
    """
    unknown = unknown_classes(events, classes)
    if unknown:
        raise ConfigError("\n".join(unknown), help=f"the adapter's classes: {', '.join(map(repr, classes))}")


def _levels(events: EventsConfig, source: str | None, name: str) -> Levels:
    levels: list[tuple[str, EventRule | None]] = []
    if source is not None:
        there = events.sources[source]
        levels.append((f"events.sources.{source}.classes.{name}", there.classes.get(name)))
        levels.append((f"events.sources.{source}", there))
    levels += [(f"events.classes.{name}", events.classes.get(name)), ("events", events)]
    return [(path, rule) for path, rule in levels if rule is not None]


def _resolved(levels: Levels, name: str, threshold: float) -> Rule:
    on, off = _thresholds(levels, name, threshold)
    least, of = _windows(levels, name)
    plain = ("enabled", "min_seconds", "quiet_windows", "refractory_seconds")
    said = {field: _said(levels, field)[1] for field in plain}
    return Rule(
        threshold_on=on,
        threshold_off=off,
        min_windows=least,
        of_windows=of,
        **{field: value for field, value in said.items() if value is not None},
    )


def _thresholds(levels: Levels, name: str, adapters: float) -> tuple[float, float]:
    """Where a place says `threshold` alone, `threshold_off` goes with it, whatever is said for more than that place."""
    level, threshold = _said(levels, "threshold")
    on = adapters if threshold is None else threshold
    off_level, off = _said(levels[: level + 1], "threshold_off")
    if off is None:
        return on, SHARE_OFF * on
    if off > on:
        whose = "the adapter's" if threshold is None else f"{levels[level][0]}.threshold:"
        raise ConfigError(
            f"{levels[off_level][0]}.threshold_off: {off:g} is above the threshold of {name!r}, {whose} {on:g}",
            help="write a lower threshold_off, or none, or a higher threshold beside it",
        )
    return on, off


def _windows(levels: Levels, name: str) -> tuple[int, int]:
    """M of N; where only M is said, at that place or a nearer one, N is at least as many."""
    least_level, least = _said(levels, "min_windows")
    of_level, of = _said(levels, "of_windows")
    if least is not None and of is not None and of < least and of_level < least_level:
        raise ConfigError(
            f"{levels[of_level][0]}.of_windows: {least} of {of} windows of {name!r} can never be heard",
            help=f"write min_windows beside it; {levels[least_level][0]}.min_windows is {least}",
        )
    least = least or _DEFAULT.min_windows
    return least, max(least, of or _DEFAULT.of_windows)


def _said(levels: Levels, field: str) -> tuple[int, Any]:
    """Which level says it first, and what; the last level and None where nobody does."""
    for level, (_, rule) in enumerate(levels):
        if getattr(rule, field) is not None:
            return level, getattr(rule, field)
    return len(levels) - 1, None


def _class_paths(events: EventsConfig) -> Iterator[tuple[str, str]]:
    places: Mapping[str, Mapping[str, EventRule]] = {
        "events": events.classes,
        **{f"events.sources.{source}": there.classes for source, there in events.sources.items()},
    }
    return ((f"{path}.classes.{name}", name) for path, rules in places.items() for name in rules)


def _meant(name: str, classes: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, classes, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
