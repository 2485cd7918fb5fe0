"""The demo on disk: a support set to train from, a soundscape to listen to, and what is truly in it."""

import io
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float

from mgcld.demo.sounds import BACKGROUNDS, NAMES, synthesise
from mgcld.demo.synthesis import Samples
from mgcld.errors import ConfigError

CELL_SECONDS = 5.0
SHOTS = ((5.0, 44_100), (3.0, 16_000), (8.0, 22_050), (2.0, 44_100), (6.5, 16_000))
"""(seconds, hertz) of one shot after another: a user's recordings are of all kinds."""
SOUNDSCAPE_RATE = 44_100
SEEDS = 10_000
"""Seeds to one demo; its second half is for the soundscape, so that no shot is heard there again."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is heard in one stretch of the soundscape."""

    start_seconds: float
    end_seconds: float
    name: str | None
    """The class; None is background only."""


def write_demo(folder: Path, *, classes: int = 6, shots: int = 5, seed: int = 0) -> tuple[Truth, ...]:
    """Write support/<class>/<n>.flac, support/_background/<name>.flac, soundscape.flac and soundscape.json.

    Files of these names are overwritten, all others stay. Returns what is in the soundscape.

    Raises:
        ConfigError: there are not so many classes, or the folder cannot be written.
    """
    if not (1 <= classes <= len(NAMES) and shots >= 1 and seed >= 0):
        raise ConfigError(
            f"a demo of {classes} classes, {shots} shots and seed {seed} cannot be made",
            help=f"1 to {len(NAMES)} classes, at least 1 shot, a seed of 0 or more",
        )
    names, first_seed = NAMES[:classes], seed * SEEDS
    truth = _plan(names, np.random.default_rng(seed))
    try:
        _write_support(folder / "support", names, shots, first_seed)
        _write_flac(folder / "soundscape.flac", _soundscape(truth, first_seed + SEEDS // 2), SOUNDSCAPE_RATE)
        _write_truth(folder / "soundscape.json", truth)
    except OSError as error:
        message = f"cannot write {error.filename or folder}: {error.strerror}"
        raise ConfigError(message, help="name another folder") from error
    return truth


def load_truth(path: Path) -> tuple[Truth, ...]:
    """Read a soundscape.json."""
    cells = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Truth(cell["start_seconds"], cell["end_seconds"], cell["class"]) for cell in cells)


def _plan(names: tuple[str, ...], random: np.random.Generator) -> tuple[Truth, ...]:
    """Every class at least once, at least eight sounds in all, and background before every second one."""
    rounds = -(-8 // len(names))
    heard = [str(name) for _ in range(rounds) for name in random.permutation(names)]
    cells: list[str | None] = []
    for k, name in enumerate(heard[: max(8, len(names))]):
        cells += [name] if k % 2 else [None, name]
    return tuple(Truth(k * CELL_SECONDS, (k + 1) * CELL_SECONDS, name) for k, name in enumerate(cells))


def _soundscape(truth: tuple[Truth, ...], first_seed: int) -> Samples:
    """Cell after cell; the background cells go through all backgrounds; a faint hiss lies over the whole."""
    backgrounds = itertools.cycle(BACKGROUNDS)
    cells = [
        _faded(synthesise(cell.name or next(backgrounds), first_seed + k, CELL_SECONDS, SOUNDSCAPE_RATE))
        for k, cell in enumerate(truth)
    ]
    hiss = synthesise("silence", first_seed + len(cells), CELL_SECONDS * len(cells), SOUNDSCAPE_RATE)
    return np.asarray(np.concatenate(cells) + hiss)


def _faded(sound: Samples, samples: int = SOUNDSCAPE_RATE // 50) -> Samples:
    """Without a click at either end."""
    ramp = np.minimum(1, np.arange(len(sound)) / samples)
    return np.asarray(sound * ramp * ramp[::-1])


def _write_support(folder: Path, names: tuple[str, ...], shots: int, first_seed: int) -> None:
    for name in names:
        for k in range(shots):
            seconds, rate = SHOTS[k % len(SHOTS)]
            sound = synthesise(name, first_seed + k, seconds, rate)
            in_stereo = np.stack([sound, 0.7 * sound], axis=1)
            _write_flac(folder / name / f"{k + 1}.flac", in_stereo if k % 3 == 2 else sound, rate)
    for name in BACKGROUNDS:
        _write_flac(folder / "_background" / f"{name}.flac", synthesise(name, first_seed, 6.0), 16_000)


def _write_flac(path: Path, sound: Float[np.ndarray, " samples *channels"], sample_rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, sample_rate, format="FLAC")
    path.write_bytes(buffer.getvalue())


def _write_truth(path: Path, truth: tuple[Truth, ...]) -> None:
    cells = [{"start_seconds": t.start_seconds, "end_seconds": t.end_seconds, "class": t.name} for t in truth]
    path.write_text(json.dumps(cells, indent=1) + "\n", encoding="utf-8")
