"""Every recording is heard once, exactly as training hears a shot, and what was heard is kept."""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mgcld.data import Window, caption_files
from mgcld.evaluation.shards import Heard, Unusable, read_shards, write_shard
from mgcld.interfaces import AudioSource
from mgcld.model.listen import Listener
from mgcld.training.shots import Recording, Shots, hear, read

SHARD = 32
"""Recordings to one file: so many are heard again after a kill."""

Progress = Callable[[str, int, int], None]
"""(what is being done, how much of it is done, of how much)."""


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/mgcld/features`, or the same under ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME")
    base = Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache"
    return base / "mgcld" / "features"


@dataclass(frozen=True, slots=True)
class Ear:
    """Everything that hearing a data set needs."""

    listener: Listener
    captioner: str
    """The captioner and its options, as the command line takes them."""
    open_file: Callable[[Path], AudioSource]
    window_seconds: float
    cache: Path
    progress: Progress

    @property
    def folder(self) -> Path:
        """Where features of this encoder, captioner and window are kept."""
        captions = self.listener.captioner.provenance
        facts = (self.listener.encoder.weights_hash, captions, repr(self.window_seconds))
        return self.cache / hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]

    def recordings(self, files: Sequence[tuple[str, Path]]) -> list[Heard | Unusable]:
        """What was heard in each (class, path); only what is not kept yet is heard now.

        Raises:
            ConfigError: the cache cannot be written.
        """
        names = [_identity(path) for _, path in files]
        kept = read_shards(self.folder)
        missing = [(name, *file) for name, file in zip(names, files, strict=True) if name not in kept]
        missing = list({item[0]: item for item in missing}.values())
        self.progress("listening", len(files) - len(missing), len(files))
        for start in range(0, len(missing), SHARD):
            part = missing[start : start + SHARD]
            new = self._hear(part)
            write_shard(self.folder, new)
            kept |= new
            self.progress("listening", len(files) - len(missing) + start + len(part), len(files))
        return [kept[name] for name in names]

    def windows(self, windows: Iterable[Window]) -> list[Heard]:
        """Windows that were made, each heard as a recording of its own; never kept."""
        recordings = [Recording(Path(), w.source, (w,), w.valid_samples / w.sample_rate, "") for w in windows]
        return _rows(hear(recordings, self.listener, lambda: None)) if recordings else []

    def _hear(self, part: Sequence[tuple[str, str, Path]]) -> dict[str, Heard | Unusable]:
        found: dict[str, Heard | Unusable] = {}
        recordings: dict[str, Recording] = {}
        for name, label, path in part:
            # One by one: among the clips of a data set, the same audio twice is no mistake of the user's.
            read_now, skipped = read(
                [(label, path)],
                self.open_file,
                sample_rate=self.listener.encoder.sample_rate,
                window_seconds=self.window_seconds,
                progress=lambda: None,
            )
            if read_now:
                recordings[name] = read_now[0]
            else:
                found[name] = skipped[0].why
        rows = _rows(hear(list(recordings.values()), self.listener, lambda: None)) if recordings else []
        return {**found, **dict(zip(recordings, rows, strict=True))}


def _rows(shots: Shots) -> list[Heard]:
    """One for each recording, without the padding behind its last segment."""
    rows = []
    for i in range(len(shots.recordings)):
        heard = shots.audio.weights[i] > 0
        last = int(heard.nonzero().max()) + 1
        audio = shots.audio
        parts = (audio.fine[i, :last], audio.weights[i, :last], audio.coarse[i], shots.caption[i])
        rows.append(Heard(*(part.detach().cpu().clone() for part in parts)))
    return rows


def _identity(path: Path) -> str:
    """Another file, the same file changed, or another caption beside it, has another one."""
    facts = [file.stat() for file in (path, *caption_files(path)) if file.is_file()]
    return "|".join([str(path.resolve()), *(f"{fact.st_size}|{fact.st_mtime_ns}" for fact in facts)])
