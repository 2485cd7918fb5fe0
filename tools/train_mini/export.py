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

from .student import ACOUSTIC, EFFECTS, HIDDEN, TAGS, TEXT, Student, folded

TAG_AXES, TAG_SHARDS, TAG_STRIDE = 128, 10, 8
CLIPPINGS = (1.0, 0.9, 0.8, 0.7)
WEAKEST = 0.01
"""An axis of the tags' logits whose variance is less than so much of the largest one's is not raised to the others."""
VERSION = "mini-3.2"
SHARES = (0.15, 0.2, 0.3, 0.35)
TEMPERATURE, WEIGHT = 0.03, 4.0
"""Of a text's choice among tags, and how much they count beside its meaning."""


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("weights", type=Path, help="the file to write")
    parser.add_argument("--pool", type=Path, required=True, help="what the tags usually say is heard in its windows")
    parser.add_argument("--text-from", type=Path, default=WEIGHTS, help="a file of mini whose text half is kept")
    parser.add_argument("--shares", type=float, nargs=4, default=SHARES, help="acoustic, semantic, effects, tags")
    parser.add_argument("--training", default="", help="what the model was trained on, in a sentence")
    parser.add_argument("--licence", default="", help="hours by licence, in a sentence")
    wish = parser.parse_args()
    state = torch.load(wish.checkpoint, map_location="cpu", weights_only=True)
    student = averaged(state)
    notes = {"training": f"{wish.training} {state['seen']} windows seen.".strip(), "licence": wish.licence}
    save(wish.weights, student, tag_space(logits(student, wish.pool)), wish.text_from, wish.shares, notes)
    print(f"{wish.weights}: {wish.weights.stat().st_size} bytes")


def averaged(state: dict[str, Tensor]) -> Student:
    """The student with the averaged weights of a checkpoint."""
    student = Student()
    prefix = "module."
    average = {name.removeprefix(prefix): t for name, t in state["average"].items() if name.startswith(prefix)}  # type: ignore[attr-defined]
    student.load_state_dict(average)
    return student.eval()


@torch.no_grad()
def logits(student: Student, pool: Path) -> Tensor:
    """(segments, tags): what the student says of every eighth window of the first shards."""
    windows = [np.load(shard)["frames"][::TAG_STRIDE] for shard in sorted(pool.glob("*.npz"))[:TAG_SHARDS]]
    return torch.cat([student(torch.from_numpy(each).float()).tags for each in windows]).flatten(0, 1)


def tag_space(rows: Tensor) -> dict[str, Tensor]:
    """The mean of (segments, tags) logits, their largest axes and the spread along each."""
    centre = rows.mean(0)
    variances, axes = (
        each.flip(-1)[..., :TAG_AXES].contiguous() for each in torch.linalg.eigh(torch.cov((rows - centre).T))
    )
    return {"centre": centre, "axes": axes, "spread": (variances + WEAKEST * variances[0]).sqrt()}


def save(
    path: Path,
    student: Student,
    tags: dict[str, Tensor],
    text_from: Path,
    shares: tuple[float, ...],
    notes: dict[str, str],
) -> None:
    """Whole or not at all."""
    tensors = {f"audio.{name}": tensor for name, tensor in folded(student).items()}
    tensors |= {f"tags.{name}": tensor for name, tensor in tags.items()}
    stored = {}
    for name, tensor in tensors.items():
        stored |= quantised(name, tensor) if tensor.dim() > 1 and name != "audio.stem.weight" else {name: tensor}
    with safe_open(text_from, "pt") as file:
        old = file.metadata()
        for name in ("text.table", "text.table.scale", "text.tags", "text.tags.scale"):
            stored[name] = file.get_tensor(name)
    heads = {"acoustic": ACOUSTIC, "text": TEXT, "effects": EFFECTS, "tags": TAGS}
    net = {"channels": student.channels, "hidden": HIDDEN} | heads
    config = json.dumps({"net": net, "weights": list(shares), "tags": {"temperature": TEMPERATURE, "weight": WEIGHT}})
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
