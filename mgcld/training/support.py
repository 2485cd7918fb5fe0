"""The support set on disk: `support/<class>/*.wav`, and `support/_background/` for "none of these"."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from mgcld.data import caption_files
from mgcld.errors import SupportSetError
from mgcld.handwritten import NotReadable, read_yaml
from mgcld.names import alike, fault_of

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a"})
BACKGROUND = "_background"
EXPLANATIONS = ("explanations.yaml", "explanations.yml")
MADE = "_made"
"""Where `mgcld explain` notes in the explanations who made which; no class can be called so."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not used."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class SupportSet:
    """Which recordings there are; nothing has been opened yet."""

    folder: Path
    classes: dict[str, tuple[Path, ...]]
    """Class -> its recordings, both in alphabetical order."""
    background: tuple[Path, ...]
    sentences: dict[str, tuple[str, ...]]
    """Class -> explanations that its owner wrote, for the classes that have some."""
    skipped: tuple[Skipped, ...]


def find_support(folder: Path) -> SupportSet:
    """Look through a folder of classes.

    Raises:
        SupportSetError: no such folder, no class in it, a class without recordings, or explanations that do not fit.
    """
    try:
        return _found(folder)
    except OSError as error:
        named = f"{error.filename or folder} cannot be read: {error.strerror}"
        raise SupportSetError(named, help="see who may read it") from error


def _found(folder: Path) -> SupportSet:
    if not folder.is_dir():
        raise SupportSetError(f"{folder} is no folder", help=_LAYOUT)
    folders = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    classes = {child.name: _recordings(child) for child in folders if child.name != BACKGROUND}
    _check_classes(folder, classes)
    expected = {*EXPLANATIONS, caption_files(folder / "class" / "recording")[1].name}
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name not in expected]
    skipped = [Skipped(path, _why(path)) for path in files]
    for child in folders:
        skipped += _skipped_in(child)
    return SupportSet(
        folder,
        classes,
        _recordings(folder / BACKGROUND) if (folder / BACKGROUND).is_dir() else (),
        {n: s for name in EXPLANATIONS for n, s in _sentences(folder / name, list(classes)).items()},
        tuple(item for item in skipped if not item.path.name.startswith(".")),
    )


_LAYOUT = "put a few recordings of each sound into <folder>/<class name>/, for instance support/smoke alarm/1.wav"


def _is_recording(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _recordings(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.iterdir() if _is_recording(path)))


def _skipped_in(folder: Path) -> list[Skipped]:
    """What is neither a recording nor a recording's caption."""
    captions = {caption_files(recording)[0] for recording in _recordings(folder)}
    others = (path for path in sorted(folder.iterdir()) if not _is_recording(path) and path not in captions)
    return [Skipped(path, _why(path)) for path in others]


def _why(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return "the link leads nowhere"
    if path.is_dir():
        return "a folder inside a class is not looked into"
    if _is_recording(path):
        return "it lies outside the class folders"
    if path.suffix.lower() in SUFFIXES:
        return "no regular file"
    return (
        f"not one of {', '.join(sorted(SUFFIXES))}; sound in another format can be converted: ffmpeg -i FILE FILE.wav"
    )


def _check_classes(folder: Path, classes: dict[str, tuple[Path, ...]]) -> None:
    if not classes and _recordings(folder):
        raise SupportSetError(
            f"{folder} holds recordings, but no folder of a class",
            help=f"if they are all of one class, name the folder above: {folder.resolve().parent}; otherwise {_LAYOUT}",
        )
    if not classes:
        raise SupportSetError(f"{folder} holds no class", help=_LAYOUT)
    _check_names(folder, list(classes))
    for name, recordings in classes.items():
        if not recordings:
            raise SupportSetError(
                f"class {name!r} has no recordings in {folder / name}",
                help=f"add some ({', '.join(sorted(SUFFIXES))}), or remove the folder",
            )


def _check_names(folder: Path, names: list[str]) -> None:
    for name in names:
        fault = fault_of(name)
        if fault:
            others = f"recordings of other sounds belong into {folder / BACKGROUND}"
            raise SupportSetError(
                f"a class cannot be called {name!r}: the name {fault}", help=f"rename its folder; {others}"
            )
    twins = alike(names)
    if twins:
        raise SupportSetError(
            f"the classes {twins[0]!a} and {twins[1]!a} are called alike, for people and for file names",
            help="put their recordings into one folder, or rename one of them",
        )


def _sentences(path: Path, classes: list[str]) -> dict[str, tuple[str, ...]]:
    if not path.exists():
        return {}
    try:
        content = read_yaml(path) or {}
    except (OSError, NotReadable) as error:
        raise SupportSetError(f"{path} cannot be read: {error}", help=_SENTENCES) from error
    if not isinstance(content, dict):
        raise SupportSetError(f"{path} is not a mapping", help=_SENTENCES)
    content.pop(MADE, None)
    for name, sentences in content.items():
        if name not in classes:
            near = difflib.get_close_matches(str(name), classes, n=1)
            raise SupportSetError(
                f"{path}: there is no class {name!r}",
                help=f"did you mean {near[0]!r}?" if near else f"classes: {', '.join(classes)}",
            )
        if not (isinstance(sentences, list) and sentences and all(isinstance(s, str) and s.strip() for s in sentences)):
            raise SupportSetError(f"{path}: {name} is not a list of sentences", help=_SENTENCES)
    return {name: tuple(sentences) for name, sentences in content.items()}


_SENTENCES = (
    "write for each class a list of sentences about how it sounds, for instance\n  kettle:\n    - a rising hiss"
)
