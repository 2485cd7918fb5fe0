"""Puts a checkpoint into the file that the encoder reads: int8 rows, the text half of an earlier file, true notes."""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch
from mgcld_plugins.encoders.mini import WEIGHTS
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from .batches import SILENCE
from .student import ACOUSTIC, EFFECTS, HIDDEN, TAGS, TEXT, Student, folded

PROFILE_AXES, PROFILE_SHARDS = 128, 8
CLIPPINGS = (1.0, 0.9, 0.8, 0.7)
VERSION = "mini-3.1"
SHARES = (0.3, 0.2, 0.3, 0.2)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("weights", type=Path, help="the file to write")
    parser.add_argument("--pool", type=Path, required=True, help="the tag profile's axes come from its teacher's tags")
    parser.add_argument("--text-from", type=Path, default=WEIGHTS, help="a file of mini whose text half is kept")
    parser.add_argument("--shares", type=float, nargs=4, default=SHARES, help="acoustic, semantic, effects, tags")
    parser.add_argument("--training", default="", help="what the model was trained on, in a sentence")
    parser.add_argument("--licence", default="", help="hours by licence, in a sentence")
    wish = parser.parse_args()
    state = torch.load(wish.checkpoint, map_location="cpu", weights_only=True)
    student = averaged(state)
    notes = {"training": f"{wish.training} {state['seen']} windows seen.".strip(), "licence": wish.licence}
    save(wish.weights, student, profile_axes(pooled_tags(wish.pool)), wish.text_from, wish.shares, notes)
    print(f"{wish.weights}: {wish.weights.stat().st_size} bytes")


def averaged(state: dict[str, Tensor]) -> Student:
    """The student with the averaged weights of a checkpoint."""
    student = Student()
    prefix = "module."
    average = {name.removeprefix(prefix): t for name, t in state["average"].items() if name.startswith(prefix)}  # type: ignore[attr-defined]
    student.load_state_dict(average)
    return student.eval()


def pooled_tags(pool: Path) -> Tensor:
    """(segments, tags): what the teacher heard in the first shards."""
    shards = sorted(pool.glob("*.npz"))[:PROFILE_SHARDS]
    return torch.from_numpy(np.concatenate([np.load(shard)["tags"][::2] for shard in shards])).float().flatten(0, 1)


def profile_axes(tags: Tensor) -> Tensor:
    """(tags, PROFILE_AXES): where the roots of (segments, tags) vary most; silence takes no part."""
    roots = tags.clamp_min(0).sqrt()
    roots[:, SILENCE] = 0
    axes = torch.linalg.eigh(roots.T @ roots / len(roots))[1].flip(1)[:, :PROFILE_AXES].clone()
    axes[SILENCE] = 0
    return axes


def save(
    path: Path, student: Student, axes: Tensor, text_from: Path, shares: tuple[float, ...], notes: dict[str, str]
) -> None:
    """Whole or not at all."""
    tensors = {f"audio.{name}": tensor for name, tensor in folded(student).items()} | {"text.profile": axes}
    stored = {}
    for name, tensor in tensors.items():
        stored |= quantised(name, tensor) if tensor.dim() > 1 and name != "audio.stem.weight" else {name: tensor}
    with safe_open(text_from, "pt") as file:
        old = file.metadata()
        for name in ("text.table", "text.table.scale", "text.tags", "text.tags.scale"):
            stored[name] = file.get_tensor(name)
    heads = {"acoustic": ACOUSTIC, "text": TEXT, "effects": EFFECTS, "tags": TAGS}
    net = {"channels": student.channels, "hidden": HIDDEN} | heads
    config = json.dumps({"net": net, "weights": list(shares), "tag_share": 0.0})
    notes = {
        "version": VERSION,
        "config": config,
        **{name: old[name] for name in ("mel", "tag_names", "vocab")},
    } | notes
    unfinished = path.with_suffix(".unfinished")
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, unfinished, notes)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)


def quantised(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """int8 with a scale for each row: of some clippings the one with the least error."""
    rows = tensor.flatten(1)
    scales = torch.stack([(rows.abs().amax(1) / 127).clamp_min(1e-8) * clipping for clipping in CLIPPINGS])
    tried = (rows / scales[..., None]).round().clamp(-127, 127)  # (clippings, rows, columns)
    best = (tried * scales[..., None] - rows).square().sum(-1).argmin(0)
    row = torch.arange(len(rows))
    return {name: tried[best, row].to(torch.int8).view_as(tensor), f"{name}.scale": scales[best, row]}


if __name__ == "__main__":
    main()
