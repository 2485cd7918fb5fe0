"""`mgcld explain`: sentences about each class of a support set, kept beside it for people to change."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mgcld.errors import SupportSetError
from mgcld.files import write_whole
from mgcld.interfaces import Explainer
from mgcld.training.explanations import added, file_of, makers_of, sentences_of
from mgcld.training.sentences import asked, origin_of, tell_known_by_name
from mgcld.training.support import SupportSet

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Explained:
    """A class and its sentences."""

    name: str
    kept: bool
    """They stood in the file already, and stayed."""
    by: str
    """Who made them: an explainer's name, or `hand`."""
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who explains."""

    name: str
    explainer: Explainer
    template: Explainer
    """What it says holds nothing but a class's name: found in the file, it may go without being asked for."""


def explain_classes(
    support: SupportSet, writer: Writer, *, classes: Sequence[str], again: bool, progress: Progress
) -> tuple[Path, list[Explained]]:
    """Explain the classes that have no sentences yet, or with `again` all, and write each down as soon as it is done.

    Raises:
        SupportSetError: the file cannot be written, or only by changing what people wrote.
        ExplanationError: there is nobody to ask; what was explained before is kept.
    """
    path = file_of(support.folder)
    _check(path)
    explained = []
    for done, name in enumerate(classes):
        progress("explaining", done, len(classes))
        own = support.sentences.get(name, ())
        told = () if again or _is_empty(own, name, writer) else own
        explained.append(_kept(path, name, told) if told else _explained(path, name, own, writer))
    progress("explaining", len(classes), len(classes))
    if writer.name != "template":
        tell_known_by_name([row.name for row in explained if _is_empty(row.sentences, row.name, writer)])
    return path, explained


def _is_empty(own: Sequence[str], name: str, writer: Writer) -> bool:
    return tuple(own) == tuple(writer.template.explain(name))[: len(own)]


def _kept(path: Path, name: str, own: tuple[str, ...]) -> Explained:
    return Explained(name, True, makers_of(_read(path)).get(name, "hand"), own)


def _explained(path: Path, name: str, own: tuple[str, ...], writer: Writer) -> Explained:
    """Ask, and write it down; sentences that hold less than what stands there do not replace it."""
    added(_read(path), name, ("...",), {})  # before anybody is asked, and paid: can it be written down?
    sentences = asked(name, writer.explainer)
    origin = {"by": writer.name, **origin_of(name, writer.explainer)}
    text = _read(path)  # anew: a person may have written in it meanwhile, about this class too
    now = sentences_of(text, name)
    poorer = origin["by"] != writer.name and _is_empty(sentences, name, writer)
    if now and (now != own or now == sentences or poorer):
        return _kept(path, name, now)
    _write(path, added(text, name, sentences, {**origin, "date": date.today().isoformat()}))
    return Explained(name, False, origin["by"], sentences)


def _check(path: Path) -> None:
    """Before anybody is asked, and paid."""
    if not os.access(path if path.exists() else path.parent, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise SupportSetError(f"{path} cannot be written", help="see who may write there")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SupportSetError(
            f"{path} cannot be read: {error}", help="see who may read it, and save it in UTF-8"
        ) from error


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path.resolve(), text.encode("utf-8"))
    except OSError as error:
        raise SupportSetError(f"{path} cannot be written: {error.strerror}", help="see who may write there") from error
