"""Puts networks into the file that the encoder reads: few bits a number, an earlier file's text half, true notes."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mgcld_plugins.encoders._mini_file import audio_nets, read_weights
from mgcld_plugins.encoders.mini import WEIGHTS
from safetensors.torch import save_file
from torch import Tensor

from .bits import in_eight_bits, in_four_bits, quantised
from .student import ACOUSTIC, EFFECTS, HIDDEN, TAGS, TEXT, Student, audio_half, channels_of, folded

TAG_AXES, TAG_SHARDS, TAG_STRIDE = 128, 10, 8
WEAKEST = 0.01
"""An axis of the tags' logits whose variance is less than so much of the largest one's is not raised to the others."""
VERSION = "mini-3.5"
SHARES = (0.15, 0.2, 0.3, 0.35)
TEMPERATURE, WEIGHT = 0.03, 4.0
"""Of a text's choice among tags, and how much they count beside its meaning."""
PROMINENCE = {"enough": 2.0, "least": 0.03}
"""How far a segment must rise above the rest of its window to count in full (nepers), and what one on the floor counts.

Chosen on both sets kept aside, alone and over six places, 10-way 1-shot; 1.5 and .1 are near it."""


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", type=Path, nargs="+", help="checkpoints, or files of mini")
    parser.add_argument("weights", type=Path, help="the file to write")
    parser.add_argument("--pool", type=Path, required=True, help="what the tags usually say is heard in its windows")
    parser.add_argument("--text-from", type=Path, default=WEIGHTS, help="a file of mini whose text half is taken")
    parser.add_argument("--shares", type=float, nargs=4, default=SHARES, help="acoustic, semantic, effects, tags")
    parser.add_argument("--training", required=True, help="what the networks were trained on, in sentences")
    parser.add_argument("--licence", required=True, help="hours by licence, in a sentence")
    wish = parser.parse_args()
    options, audio = side_by_side([each for path in wish.networks for each in of_file(path)])
    space = tag_space(logits(options, audio, wish.pool))
    tensors = quantised(audio) | {f"tags.{name}": t for name, t in quantised(space).items()}
    tags = {"temperature": TEMPERATURE, "weight": WEIGHT}
    config = {"nets": options, "weights": list(wish.shares), "tags": tags, "prominence": PROMINENCE}
    save(wish.weights, tensors, config, wish.text_from, {"training": wish.training, "licence": wish.licence})
    print(f"{wish.weights}: {wish.weights.stat().st_size} bytes")


def of_file(path: Path) -> list[dict[str, Tensor]]:
    """The folded networks of a file, or the one of a checkpoint."""
    if path.suffix == ".safetensors":
        return audio_half(path)
    return [folded(averaged(torch.load(path, map_location="cpu", weights_only=True)))]


def averaged(state: dict[str, Any]) -> Student:
    """The student with the averaged weights of a checkpoint."""
    prefix = "module."
    average = {name.removeprefix(prefix): t for name, t in state["average"].items() if name.startswith(prefix)}
    student = Student(channels=channels_of(average))
    student.load_state_dict(average)
    return student.eval()


def side_by_side(networks: list[dict[str, Tensor]]) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Options of each and the tensors of all (`audio.0.stem.weight`); of the acoustic heads the first one's is kept."""
    options: list[dict[str, Any]] = []
    tensors: dict[str, Tensor] = {}
    for i, network in enumerate(networks):
        heads = {"acoustic": 0 if i else ACOUSTIC, "text": TEXT, "effects": EFFECTS, "tags": TAGS}
        options.append({"channels": list(channels_of(network)), "hidden": HIDDEN} | heads)
        tensors |= {f"audio.{i}.{name}": t for name, t in network.items() if not (i and name.startswith("acoustic."))}
    return options, tensors


@torch.no_grad()
def logits(options: list[dict[str, Any]], audio: dict[str, Tensor], pool: Path) -> Tensor:
    """(segments, tags): what the networks say of every eighth window of the first shards."""
    nets = audio_nets(options, audio)
    windows = [np.load(shard)["frames"][::TAG_STRIDE] for shard in sorted(pool.glob("*.npz"))[:TAG_SHARDS]]
    return torch.cat([nets(torch.from_numpy(each).float()).tags for each in windows]).flatten(0, 1)


def tag_space(rows: Tensor) -> dict[str, Tensor]:
    """The mean of (segments, tags) logits, their largest axes and the spread along each."""
    centre = rows.mean(0)
    variances, axes = (
        each.flip(-1)[..., :TAG_AXES].contiguous() for each in torch.linalg.eigh(torch.cov((rows - centre).T))
    )
    return {"centre": centre, "axes": axes, "spread": (variances + WEAKEST * variances[0]).sqrt()}


def save(
    path: Path, tensors: dict[str, Tensor], config: dict[str, Any], text_from: Path, notes: dict[str, str]
) -> None:
    """Whole or not at all, with the text half of another file."""
    half, old = read_weights(text_from)
    tensors |= in_four_bits("text.table", half["text.table"]) | in_eight_bits("text.tags", half["text.tags"])
    kept = {name: old[name] for name in ("mel", "tag_names", "vocab")}
    unfinished = path.with_suffix(".unfinished")
    told = {"version": VERSION, "config": json.dumps(config)} | kept | notes
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished, told)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)


if __name__ == "__main__":
    main()
