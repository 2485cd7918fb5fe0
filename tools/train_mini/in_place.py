"""How well sounds are recognised in the place where the daemon listens.

Tasks of everyday classes (`everyday.py`), their shots as recorded. Asked are other recordings, alone and over real
ambience (the first half of a place's windows) at a random offset of a window, so many dB above it; the other half are
`_background`'s windows. Also asked: the place with nothing in it.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mgcld.assemble import build_trainer
from mgcld.audio.windows import made_window
from mgcld.config import Part
from mgcld.data import Window
from mgcld.model.adapter import Adapter
from mgcld.training.place import is_place, over
from mgcld.training.sentences import sentences_about
from mgcld.training.shots import Recording
from mgcld.training.train import Trainer

from . import clips
from .everyday import everyday
from .signals import WINDOW

KNOWN = ("busy street", "restaurant", "office ambience", "light rain", "forest day", "inside train")
"""Places that had a say in what is done about them."""
OTHERS = ("supermarket ambience", "bar crowd", "wind", "river", "steam train interior", "library ambience")
RATE, SECONDS = 16_000, 5
ABOVE_DB = (15.0, 5.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Windows of one recording."""

    text: str
    asked: tuple[Window, ...]
    background: tuple[Window, ...]


def main() -> None:
    """Print a table for the places that were known, and for others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--ways", type=int, default=10)
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--tasks", type=int, default=24)
    wish = parser.parse_args()
    torch.set_num_threads(1)
    groups = everyday(wish.corpus)
    for names in (KNOWN, OTHERS):
        found = places(wish.corpus, names)
        for shots in wish.shots:
            print(f"{wish.ways}-way {shots}-shot, {wish.tasks} tasks; {', '.join(place.text for place in found)}")
            print(f"{'':28}among classes, % (p >= .5, %): alone, {ABOVE_DB[0]:.0f} dB, {ABOVE_DB[1]:.0f} dB; alarms/h")
            for title, row in measured(groups, found, wish.ways, shots, wish.tasks).items():
                print(f"{title:28}{row}", flush=True)


def places(corpus: Path, names: Sequence[str]) -> list[Place]:
    """The first recording of each text with at least eight steady windows."""
    windows: dict[str, dict[str, list[Window]]] = defaultdict(lambda: defaultdict(list))
    for clip in clips.read([corpus], lambda row: row["text"] in names):
        samples = clip.samples.astype(np.float32) / np.float32(32767)
        cut = [made_window("place", samples[i : i + WINDOW], RATE) for i in range(0, len(samples) - WINDOW + 1, WINDOW)]
        windows[clip.text][clip.original] += [one for one in cut if "silent" not in one.flags and is_place(one)]
    found = []
    for name in names:
        whole = next((own for own in windows[name].values() if len(own) >= 8), None)
        if whole:
            found.append(Place(name, tuple(whole[: len(whole) // 2]), tuple(whole[len(whole) // 2 :])))
    return found


def measured(
    groups: dict[str, list[clips.Clip]], found: Sequence[Place], ways: int, shots: int, tasks: int
) -> dict[str, str]:
    """For each way to train, what came out."""
    whole = build_trainer(encoder=Part(type="mini"), mode="mgcl+", progress=lambda *_: None)
    kinds = {
        "no _background/": (whole, False),
        "_background/, not in place": (replace(whole, options=replace(whole.options, placed=False)), True),
        "_background/, in place": (whole, True),
    }
    rows: dict[str, list[list[float]]] = defaultdict(list)
    for turn, (names, support, asked) in enumerate(drawn(groups, ways, shots, tasks)):
        place = found[turn % len(found)]
        for title, (trainer, with_background) in kinds.items():
            rows[title].append(answered(trainer, names, support, asked, place, with_background, turn))
    return {title: _told(np.array(row)) for title, row in rows.items()}


def drawn(
    groups: dict[str, list[clips.Clip]], ways: int, shots: int, tasks: int
) -> Iterator[tuple[list[str], list[Recording], list[Recording]]]:
    """(classes, shots, at most three questions of each class)."""
    random = np.random.default_rng(0)
    large = [name for name, own in groups.items() if len(own) > shots]
    for _ in range(tasks):
        names = [str(name) for name in random.choice(large, ways, replace=False)]
        own = {name: [groups[name][i] for i in random.permutation(len(groups[name]))] for name in names}
        support = [recording(name, clip) for name in names for clip in own[name][:shots]]
        yield names, support, [recording(name, clip) for name in names for clip in own[name][shots : shots + 3]]


def recording(name: str, clip: clips.Clip) -> Recording:
    """The first window of a clip."""
    samples = np.zeros(WINDOW, np.float32)
    head = clip.samples[:WINDOW].astype(np.float32) / np.float32(32767)
    samples[: len(head)] = head
    window = replace(made_window(name, samples, RATE), valid_samples=len(head))
    return Recording(Path(clip.original), name, (window,), len(head) / RATE, f"{name} {clip.original} {id(clip)}")


def answered(
    trainer: Trainer,
    names: list[str],
    support: list[Recording],
    asked: list[Recording],
    place: Place,
    with_background: bool,
    turn: int,
) -> list[float]:
    """Right among the classes and heard at p >= .5, alone and at each distance; then the share of false alarms."""
    rest = [Recording(Path("place"), "_background", place.background, 0.0, "place")] if with_background else []
    shots, background = trainer.hear(support, rest)
    said = sentences_about(names, trainer.explainer)
    adapter, _ = trainer.fit(shots, background, names, [said[name] for name in names])
    truth = torch.tensor([names.index(one.name) for one in asked])
    windows = [one.windows[0] for one in asked]
    found = judged(trainer, adapter, windows, truth)
    for above in ABOVE_DB:
        there = [over(w, place.asked[i % len(place.asked)].samples, [turn, i], above) for i, w in enumerate(windows)]
        found += judged(trainer, adapter, there, truth)
    said_of_place = adapter.predict(trainer.listener(place.asked), torch.zeros(len(place.asked), dtype=torch.bool))
    return [*found, float(np.mean([max(one.p) >= 0.5 for one in said_of_place]))]


def judged(trainer: Trainer, adapter: Adapter, windows: list[Window], truth: torch.Tensor) -> list[float]:
    """(right among the classes, heard at p >= .5)."""
    said = adapter.predict(trainer.listener(windows), torch.zeros(len(windows), dtype=torch.bool))
    p = torch.tensor([one.p for one in said])
    own = p[torch.arange(len(truth)), truth]
    return [float((p.argmax(1) == truth).double().mean()), float((own >= 0.5).double().mean())]


def _told(rows: np.ndarray) -> str:
    mean = rows.mean(0)
    cells = [f"{100 * mean[i]:5.1f} ({100 * mean[i + 1]:4.1f})" for i in range(0, len(mean) - 1, 2)]
    return "  ".join(cells) + f"  {3600 / SECONDS * mean[-1]:5.1f}"


if __name__ == "__main__":
    main()
