"""Puts networks into the file that the encoder reads: few bits a number, an earlier file's text half, true notes."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mgcld_plugins.encoders.mini import WEIGHTS, audio_nets, read_weights
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from .student import ACOUSTIC, EFFECTS, HIDDEN, TAGS, TEXT, Student, audio_half, channels_of, folded

TAG_AXES, TAG_SHARDS, TAG_STRIDE = 128, 10, 8
CLIPPINGS = (1.0, 0.9, 0.8, 0.7)
GROUP = 32
"""So many numbers of four bits share a scale."""
WEAKEST = 0.01
"""An axis of the tags' logits whose variance is less than so much of the largest one's is not raised to the others."""
VERSION = "mini-3.3"
SHARES = (0.15, 0.2, 0.3, 0.35)
TEMPERATURE, WEIGHT = 0.03, 4.0
"""Of a text's choice among tags, and how much they count beside its meaning."""


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", type=Path, nargs="+", help="checkpoints, or files of mini whose first one is taken")
    parser.add_argument("weights", type=Path, help="the file to write")
    parser.add_argument("--pool", type=Path, required=True, help="what the tags usually say is heard in its windows")
    parser.add_argument("--text-from", type=Path, default=WEIGHTS, help="a file of mini whose text half is kept")
    parser.add_argument("--shares", type=float, nargs=4, default=SHARES, help="acoustic, semantic, effects, tags")
    parser.add_argument("--training", default="", help="what the model was trained on, in a sentence")
    parser.add_argument("--licence", default="", help="hours by licence, in a sentence")
    wish = parser.parse_args()
    options, audio = together([of_file(path) for path in wish.networks])
    space = tag_space(logits(options, audio, wish.pool))
    tensors = quantised(audio) | {f"tags.{name}": t for name, t in quantised(space).items()}
    config = {"nets": options, "weights": list(wish.shares), "tags": {"temperature": TEMPERATURE, "weight": WEIGHT}}
    save(wish.weights, tensors, config, wish.text_from, {"training": wish.training, "licence": wish.licence})
    print(f"{wish.weights}: {wish.weights.stat().st_size} bytes")


def of_file(path: Path) -> dict[str, Tensor]:
    """A folded network."""
    if path.suffix == ".safetensors":
        return audio_half(path)
    return folded(averaged(torch.load(path, map_location="cpu", weights_only=True)))


def averaged(state: dict[str, Any]) -> Student:
    """The student with the averaged weights of a checkpoint."""
    prefix = "module."
    average = {name.removeprefix(prefix): t for name, t in state["average"].items() if name.startswith(prefix)}
    stem, *blocks = (average[f"{layer}.0.weight"] for layer in ("stem", *(f"block{i}.b" for i in range(1, 5))))
    student = Student(channels=(len(stem), *map(len, blocks)))
    student.load_state_dict(average)
    return student.eval()


def together(networks: list[dict[str, Tensor]]) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """Options of each and the tensors of all (`audio.0.stem.weight`); of the acoustic heads the first one's is kept."""
    heads = {"acoustic": ACOUSTIC, "text": TEXT, "effects": EFFECTS, "tags": TAGS}
    options = [{"channels": list(channels_of(each)), "hidden": HIDDEN} | heads for each in networks]
    for each, option in zip(networks[1:], options[1:], strict=True):
        option["acoustic"] = 0
        for name in ("acoustic.weight", "acoustic.bias"):
            del each[name]
    return options, {f"audio.{i}.{name}": t for i, each in enumerate(networks) for name, t in each.items()}


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
    tensors |= in_four_bits("text.table", half["text.table"])
    with safe_open(text_from, "pt") as file:
        tensors |= {name: file.get_tensor(name) for name in ("text.tags", "text.tags.scale")}
    kept = {name: old[name] for name in ("mel", "tag_names", "vocab")}
    unfinished = path.with_suffix(".unfinished")
    told = {"version": VERSION, "config": json.dumps(config)} | kept | notes
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished, told)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)


def quantised(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """All but vectors and stems in eight bits."""
    stored = {}
    for name, tensor in tensors.items():
        few = tensor.dim() > 1 and not name.endswith("stem.weight")
        stored |= in_eight_bits(name, tensor) if few else {name: tensor}
    return stored


def in_eight_bits(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """int8 with a scale for each row."""
    whole, scales = rounded(tensor.flatten(1), 127)
    return {name: whole.to(torch.int8).view_as(tensor), f"{name}.scale": scales}


def in_four_bits(name: str, table: Tensor) -> dict[str, Tensor]:
    """Two numbers in each byte, from -7 to 7, with a scale for each group of a row of (rows, columns)."""
    whole, scales = rounded(table.view(-1, GROUP), 7)
    high, low = (whole.view(len(table), -1, 2) + 8).to(torch.uint8).unbind(-1)
    return {name: high << 4 | low, f"{name}.scale": scales.view(len(table), -1).half()}


def rounded(rows: Tensor, largest: int) -> tuple[Tensor, Tensor]:
    """Whole numbers and a scale for each row: of some clippings the one with the least error."""
    scales = torch.stack([(rows.abs().amax(1) / largest).clamp_min(1e-8) * clipping for clipping in CLIPPINGS])
    tried = (rows / scales[..., None]).round().clamp(-largest, largest)  # (clippings, rows, columns)
    best = (tried * scales[..., None] - rows).square().sum(-1).argmin(0)
    row = torch.arange(len(rows))
    return tried[best, row], scales[best, row]


if __name__ == "__main__":
    main()
