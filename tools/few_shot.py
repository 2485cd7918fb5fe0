"""How well a few shots of real recordings are recognised: a folder of classes, split by fold, drawn several times.

    python tools/few_shot.py ../shared/data/esc10 --shots 1 5 10 --draws 10

Files are named `<fold>-<source>-...`, as in ESC-50. Shots come from all folds but the last; questions are the last one.
"""

import argparse
import random
import statistics
from pathlib import Path

import torch

from mgcld.assemble import build_trainer, file_at_full_speed
from mgcld.config import Part
from mgcld.data import AudioFeatures, Features
from mgcld.training.shots import Recording, Shots, hear, read
from mgcld.training.train import Trainer

Answer = tuple[float, float]


def main() -> None:
    """Embed once, draw often."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5, 10])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--mode", choices=["mgcl+", "paper"], default="mgcl+")
    wish = parser.parse_args()
    trainer = build_trainer(encoder=Part(type="mini"), captioner=Part(type="tags"), mode=wish.mode, progress=print_none)
    folders = sorted(folder for folder in wish.folder.iterdir() if folder.is_dir())
    files = [(folder.name, path) for folder in folders for path in sorted(folder.iterdir())]
    rate = trainer.listener.encoder.sample_rate
    recordings, _ = read(files, file_at_full_speed, sample_rate=rate, window_seconds=5.0, progress=lambda: None)
    heard = hear(recordings, trainer.listener, lambda: None)
    for shots in wish.shots:
        answers = [asked(trainer, heard, shots, random.Random(draw)) for draw in range(wish.draws)]
        known, whole = (100 * statistics.mean(answer[i] for answer in answers) for i in (0, 1))
        spread = 100 * statistics.stdev(answer[0] for answer in answers) if wish.draws > 1 else 0.0
        print(
            f"{wish.mode} {shots}-shot: {known:.1f} % (± {spread:.1f}, {wish.draws} draws); with unknown: {whole:.1f} %"
        )


def print_none(what: str, done: int, of: int) -> None:
    """No progress."""


def asked(trainer: Trainer, heard: Shots, shots: int, draw: random.Random) -> Answer:
    """(share right among the classes, share right with `unknown` as an answer) of one draw."""
    names = sorted({recording.name for recording in heard.recordings})
    last = max(fold(recording) for recording in heard.recordings)
    chosen, questions = [], []
    for name in names:
        own = [i for i, recording in enumerate(heard.recordings) if recording.name == name]
        chosen += draw.sample([i for i in own if fold(heard.recordings[i]) != last], shots)
        questions += [i for i in own if fold(heard.recordings[i]) == last]
    adapter, _ = trainer.fit(part(heard, chosen), None, names, [trainer.explainer.explain(name) for name in names])
    query = part(heard, questions)
    silent = torch.zeros(len(questions), dtype=torch.bool)
    predictions = adapter.predict(Features(query.audio, (None,) * len(questions), query.caption), silent)
    truth = [recording.name for recording in query.recordings]
    known = [p.classes[p.p.index(max(p.p))] == name for p, name in zip(predictions, truth, strict=True)]
    whole = [p.top[0][0] == name for p, name in zip(predictions, truth, strict=True)]
    return statistics.mean(known), statistics.mean(whole)


def part(heard: Shots, chosen: list[int]) -> Shots:
    """Some of the shots."""
    audio = AudioFeatures(heard.audio.fine[chosen], heard.audio.weights[chosen], heard.audio.coarse[chosen])
    return Shots(tuple(heard.recordings[i] for i in chosen), audio, heard.caption[chosen])


def fold(recording: Recording) -> str:
    """What stands before the first dash of the file's name."""
    return recording.path.name.split("-")[0]


if __name__ == "__main__":
    main()
