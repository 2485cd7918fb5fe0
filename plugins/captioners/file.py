"""Captions that were written before, beside the shots: by people, or by a model that runs elsewhere.

They are used in training and by `mgcld eval`. A stream has none: there the aligned audio stands in.
"""

import difflib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from mgcld.data import AudioFeatures, Window, caption_files
from mgcld.errors import SupportSetError
from mgcld.handwritten import NotReadable, read_yaml
from mgcld.interfaces import Encoder

logger = logging.getLogger(__name__)

_HELP = "write in UTF-8 a sentence for each recording, for instance\n  kettle/1.wav: a kettle begins to whistle"


class FileCaptioner:
    """Reads them: `kettle/1.txt` beside `kettle/1.wav`, or the line `kettle/1.wav: ...` of `captions.yaml` above."""

    provenance = "file"

    def __init__(self, encoder: Encoder) -> None:  # noqa: ARG002
        """Take the encoder as every captioner does, and leave it alone."""
        self._lists: dict[Path, Mapping[str, str]] = {}
        self._without: set[Path] = set()  # lists that say nothing of some recording

    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> Sequence[str | None]:  # noqa: ARG002
        """The sentence of each window's recording; None where there is none, and for a stream.

        Raises:
            SupportSetError: a caption cannot be read, or `captions.yaml` names a recording that is not there.
        """
        return [None if window.recording is None else self._of(window.recording) for window in windows]

    def _of(self, recording: Path) -> str | None:
        text, listed = caption_files(recording)
        if text.is_file():
            sentence = " ".join(_read(text).split())
        else:
            sentence = self._list(listed).get(f"{recording.parent.name}/{recording.name}", "")
        if not sentence and listed not in self._without:
            self._without.add(listed)
            logger.warning("%s has no caption (others may neither): %s", recording, _wanted(text, listed))
        return sentence or None

    def _list(self, path: Path) -> Mapping[str, str]:
        """The sentences of a list, read once; empty where there is none."""
        if path not in self._lists:
            self._lists[path] = _sentences(path) if path.exists() else {}
        return self._lists[path]


def _wanted(text: Path, listed: Path) -> str:
    return f"write it into {text.name} beside it, or into {listed}; until then the audio stands in"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SupportSetError(f"{path} cannot be read: {error}", help="is it text, in UTF-8?") from error


def _sentences(path: Path) -> Mapping[str, str]:
    """The content of a list, checked.

    Raises:
        SupportSetError: it is no mapping of recordings to sentences, or a recording is not there.
    """
    try:
        content = read_yaml(path) or {}
    except (OSError, NotReadable) as error:
        raise SupportSetError(f"{path} cannot be read: {error}", help=_HELP) from error
    if not isinstance(content, dict):
        raise SupportSetError(f"{path} is not a mapping", help=_HELP)
    for name, sentence in content.items():
        if not isinstance(sentence, str) or not sentence.strip():
            raise SupportSetError(f"{path}: {name} is no sentence", help=_HELP)
        if not (path.parent / str(name)).is_file():
            raise SupportSetError(f"{path}: there is no recording {name!r}", help=_near(path.parent, str(name)))
    return {str(name): " ".join(sentence.split()) for name, sentence in content.items()}


def _near(folder: Path, name: str) -> str:
    there = [f"{path.parent.name}/{path.name}" for path in folder.glob("*/*")]
    near = difflib.get_close_matches(name, there, n=1)
    return f"did you mean {near[0]!r}?" if near else "name it as folder/file"
