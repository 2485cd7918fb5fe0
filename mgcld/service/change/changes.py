"""What two configurations differ in, and what of it a running daemon can take over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mgcld.config import Config, Part

MODEL = frozenset({"adapter", "captioner", "caption_seconds"})
"""The model in service is made anew, but for the encoder."""
SOURCES = frozenset({"sources", "hop_seconds", "stall_seconds"})
"""Of these, captures are made anew: of all of them where the hop or the patience is another."""
LIVE = MODEL | SOURCES | {"watch_adapter", "events", "sinks", "overload", "log_level"}
"""Everything else needs a restart."""


@dataclass(frozen=True, slots=True)
class Changes:
    """From one configuration to another."""

    fields: tuple[str, ...]
    """Options that differ, in the order of the schema."""
    sources: tuple[str, ...]
    """Sources that are new, gone, or another; all of them where an option for all of them is another."""
    sinks: tuple[str, ...]
    """Sinks that are new, gone, or another."""
    touched: tuple[str, ...] = ()
    """Of the sources, those that somebody has touched."""

    @property
    def restart_needed(self) -> list[str]:
        """Options that differ and stay as they were until a restart."""
        return [field for field in self.fields if field not in LIVE]

    @property
    def model(self) -> bool:
        """The model in service is another."""
        return not MODEL.isdisjoint(self.fields)

    @property
    def named(self) -> list[str]:
        """What is another from now on, as a person would call it: `sources.kitchen`, `hop_seconds`."""
        parts = [f"sources.{name}" for name in self.touched] + [f"sinks.{name}" for name in self.sinks]
        return [field for field in self.fields if field in LIVE and field not in ("sources", "sinks")] + parts


def changes(old: Config, new: Config) -> Changes:
    """What is another in the new one. A source is, too, where an option for all of them is."""
    fields = [name for name in Config.model_fields if _plain(getattr(old, name)) != _plain(getattr(new, name))]
    every = not {"hop_seconds", "stall_seconds"}.isdisjoint(fields)
    touched = _differing(old.sources, new.sources)
    sources = touched if not every else {*old.sources, *new.sources}
    sinks = _differing(old.sinks, new.sinks)
    return Changes(tuple(fields), tuple(sorted(sources)), tuple(sorted(sinks)), tuple(sorted(touched)))


def _differing(old: Mapping[str, Part], new: Mapping[str, Part]) -> set[str]:
    return {name for name in {*old, *new} if _plain(old.get(name)) != _plain(new.get(name))}


def _plain(value: Any) -> Any:
    """A part is what it says, and where its paths start."""
    if isinstance(value, Part):
        return value.type, value.options, value.base
    if isinstance(value, Mapping):
        return [(name, _plain(part)) for name, part in value.items()]
    return value
