"""How good weights of mini are on recordings of the corpus that none were trained on.

Those of unknown licence by their texts, which mostly are names of files, and those of `everyday` by name. For choosing
between checkpoints: neither ESC-10's test fold nor UrbanSound8K is touched. Some recordings are in both sets.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from mgcld_plugins.encoders.mini import MiniEncoder
from torch import Tensor

from . import clips
from .clips import Clip
from .episodes import few_shot, zero_shot
from .everyday import everyday
from .signals import WINDOW

LEAST_RECORDINGS, MOST_RECORDINGS, LEAST_SAMPLES = 6, 12, 8_000
CELLS = ((5, 1), (5, 5), (12, 1), (12, 5))


def main() -> None:
    """Print a line for each file of weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--episodes", type=int, default=300)
    wish = parser.parse_args()
    torch.set_num_threads(1)
    cells = "  ".join(f"{way}-way {shot}-shot" for way, shot in CELLS)
    for title, groups in {"by text": kept_aside(wish.corpus), "everyday": everyday(wish.corpus)}.items():
        print(f"{title}: {len(groups)} classes, {sum(map(len, groups.values()))} recordings")
        if len(groups) < max(way for way, _ in CELLS):
            continue
        print(f"prototype / 1-NN, %: {cells}  zero-shot of {len(groups)}")
        for path in wish.weights:
            print(f"{line(MiniEncoder('cpu', path), groups, wish.episodes)}  {path}", flush=True)


def kept_aside(corpus: Path) -> dict[str, list[Clip]]:
    """Clips of unknown licence by text, one of each recording, where a text has at least six."""
    found: dict[str, dict[str, Clip]] = defaultdict(dict)
    for clip in clips.read([corpus], lambda row: row["license"] == "unknown" and row["text"] != ""):
        if len(clip.samples) >= LEAST_SAMPLES:
            found[clip.text].setdefault(clip.original, clip)
    large = {text: group for text, group in sorted(found.items()) if len(group) >= LEAST_RECORDINGS}
    return {text: list(group.values())[:MOST_RECORDINGS] for text, group in large.items()}


def line(encoder: MiniEncoder, groups: dict[str, list[Clip]], episodes: int) -> str:
    """Every cell's two figures, then zero-shot."""
    coarse, semantic, classes = heard(encoder, groups)
    cells = [few_shot(coarse, classes, way, shot, episodes) for way, shot in CELLS]
    names = encoder.embed_text([f"the sound of {text}" for text in groups])
    told = "  ".join(f"{cell.prototype:.1f} / {cell.nearest:.1f}" for cell in cells)
    return f"{told}  {zero_shot(semantic, names, classes):.1f}"


def heard(encoder: MiniEncoder, groups: dict[str, list[Clip]]) -> tuple[Tensor, Tensor, Tensor]:
    """(clips, audio) coarse features, (clips, text) the same in text space, and (clips,) class numbers."""
    coarse = []
    for group in groups.values():
        windows = np.zeros((len(group), WINDOW), np.float32)
        for window, clip in zip(windows, group, strict=True):
            head = clip.samples[:WINDOW]
            window[: len(head)] = head / np.float32(32767)
        valid = torch.tensor([min(len(clip.samples), WINDOW) for clip in group])
        coarse.append(encoder.embed_audio(torch.from_numpy(windows), valid).coarse)
    classes = torch.cat([torch.full((len(group),), c) for c, group in enumerate(groups.values())])
    whole = torch.cat(coarse)
    return whole, whole @ encoder.alignment, classes


if __name__ == "__main__":
    main()
