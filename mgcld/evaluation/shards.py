"""Features on disk: small safetensors files, each whole or not there, so that a run goes on where it was killed."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mgcld.evaluation.files import write_whole

FORMAT = "mgcld-features/1"


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One recording as the encoder and the captioner heard it."""

    fine: Float[Tensor, "segments audio"]
    """Segments of all its windows, side by side."""
    weights: Float[Tensor, " segments"]
    """They sum to 1."""
    coarse: Float[Tensor, " audio"]
    """A unit row."""
    caption: Float[Tensor, " text"]
    """A unit row."""


Unusable = str
"""Why nothing could be heard in a recording."""


def write_shard(folder: Path, content: Mapping[str, Heard | Unusable]) -> None:
    """Keep some recordings (identity -> what was heard)."""
    heard = {name: item for name, item in content.items() if isinstance(item, Heard)}
    tensors: dict[str, Tensor] = {}
    if heard:
        rows = list(heard.values())
        tensors = {
            "fine": torch.cat([row.fine for row in rows]),
            "weights": torch.cat([row.weights for row in rows]),
            "coarse": torch.stack([row.coarse for row in rows]),
            "caption": torch.stack([row.caption for row in rows]),
        }
    notes = {
        "format": FORMAT,
        "heard": [[name, len(row.fine)] for name, row in heard.items()],
        "unusable": {name: why for name, why in content.items() if isinstance(why, str)},
    }
    name = hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]
    cpu = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    write_whole(folder / f"{name}.safetensors", save(cpu, {"mgcld": json.dumps(notes)}))


def read_shards(folder: Path) -> dict[str, Heard | Unusable]:
    """Everything that is kept in a folder; a file that is no shard of this version is passed over."""
    found: dict[str, Heard | Unusable] = {}
    for path in sorted(folder.glob("*.safetensors")) if folder.is_dir() else ():
        try:
            found |= dict(_items(path))
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            continue  # it will be heard again
    return found


def _items(path: Path) -> Iterator[tuple[str, Heard | Unusable]]:
    with safe_open(path, "pt") as file:
        notes = json.loads((file.metadata() or {})["mgcld"])
        if notes["format"] != FORMAT:
            return
        yield from notes["unusable"].items()
        if not notes["heard"]:
            return
        lengths: list[int] = [length for _, length in notes["heard"]]
        rows = zip(
            torch.split(file.get_tensor("fine"), lengths),
            torch.split(file.get_tensor("weights"), lengths),
            file.get_tensor("coarse"),
            file.get_tensor("caption"),
            strict=True,
        )
        for (name, _), parts in zip(notes["heard"], rows, strict=True):
            yield name, Heard(*parts)
