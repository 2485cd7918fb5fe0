"""What the training needs beside the pool, in one file: targets' axes, texts' meanings, how common the tags are."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mgcld_plugins.encoders.mini import WEIGHTS
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from .losses import Meaning, rarity
from .whitening import Whitening

EFFECTS_AXES, EFFECTS_POWER = 128, 0.25

SHARDS = 8


@dataclass(frozen=True)
class Prepared:
    """Read from the file."""

    names: list[str]
    meaning: Meaning
    whitening: Whitening
    effects: Whitening


def main() -> None:
    """Look at the first shards, and let MiniLM read the texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="a file of mini: its text table is kept")
    parser.add_argument(
        "--axes-from", type=Path, help="an earlier prepared file, if networks of both are to be averaged"
    )
    wish = parser.parse_args()
    from .texts import tag_vectors, text_vectors

    names = texts_of(wish.pool)
    axes = load_file(wish.axes_from) if wish.axes_from else axes_of(wish.pool)
    save(wish.prepared, axes, names, text_vectors(names, wish.weights), tag_vectors(wish.weights))
    print(f"{len(names)} texts")


def texts_of(pool: Path) -> list[str]:
    """Every text in the pool."""
    return sorted({str(text) for path in pool.glob("*.npz") for text in np.load(path)["texts"]} - {""})


def axes_of(pool: Path) -> dict[str, Tensor]:
    """How common tags are, and the axes of both teachers' features: what networks to be averaged have in common."""
    shards = [np.load(shard) for shard in sorted(pool.glob("*.npz"))[:SHARDS]]
    features = torch.from_numpy(np.concatenate([shard["features"][::4] for shard in shards]))
    tags = torch.from_numpy(np.concatenate([shard["tags"] for shard in shards])).float()
    whitening = Whitening.of(features)
    heard = torch.from_numpy(np.concatenate([shard["effects"].max(1) for shard in shards]))
    effects = Whitening.of(heard[:, None], EFFECTS_AXES, EFFECTS_POWER)
    return {
        "rarity": rarity(tags.amax(1)),
        "centre": whitening.centre,
        "axes": whitening.axes,
        "effects.centre": effects.centre,
        "effects.axes": effects.axes,
    }


def save(path: Path, axes: dict[str, Tensor], names: list[str], meanings: Tensor, tag_meanings: Tensor) -> None:
    """`meanings` (names, text) and `tag_meanings` (tags, text) are unit rows."""
    tensors = axes | {"names": meanings, "tags": tag_meanings}
    save_file({name: each.contiguous() for name, each in tensors.items()}, path, {"names": json.dumps(names)})


def load(path: Path) -> Prepared:
    """What `save` has written."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        names = json.loads(file.metadata()["names"])
    meaning = Meaning(tensors["tags"], tensors["names"], tensors["rarity"])
    effects = Whitening(tensors["effects.centre"], tensors["effects.axes"])
    return Prepared(names, meaning, Whitening(tensors["centre"], tensors["axes"]), effects)


if __name__ == "__main__":
    main()
