"""Explanations from a bank that people wrote: how each of some three hundred everyday sounds sounds.

`bank/*.yaml` hold, by theme, `name: {also: [other names], says: [eight sentences]}`. The first sentence is a caption
with the name, and most others name the sound too, since small text encoders hear words rather than sentences.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ._names import keys_of
from .template import TemplateExplainer

FOLDER = Path(__file__).with_suffix("")


@dataclass(frozen=True, slots=True)
class Entry:
    """A sound that the bank knows."""

    name: str
    also: tuple[str, ...]
    """Other names of it."""
    says: tuple[str, ...]
    """How it sounds: eight sentences; the first few stand for all of them."""


class BankExplainer:
    """Written descriptions, found by the class's name or a synonym; the template's phrasings where there are none."""

    def __init__(self, count: int = 8) -> None:
        self._count = count
        self._template = TemplateExplainer(count)

    def explain(self, name: str) -> Sequence[str]:
        """Sentences about the class; phrasings of its name where the bank does not know it (see `origin`)."""
        entry = find(name)
        return self._template.explain(name) if entry is None else entry.says[: self._count]

    def origin(self, name: str) -> Mapping[str, str]:
        """`bank`, or `template` where the bank does not know the class."""
        return {"by": "template" if find(name) is None else "bank"}


def find(name: str) -> Entry | None:
    """The sound of this name, however it is written; None where the bank does not know it."""
    index = _index()
    return next((index[key] for key in sorted(keys_of(name)) if key in index), None)


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Everything in the bank, by theme."""
    return tuple(
        Entry(name, tuple(content["also"]), tuple(content["says"]))
        for path in sorted(FOLDER.glob("*.yaml"))
        for name, content in _read(path).items()
    )


def _read(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # much faster, where it was built


@functools.cache
def _index() -> Mapping[str, Entry]:
    return {key: entry for entry in entries() for name in (entry.name, *entry.also) for key in keys_of(name)}
