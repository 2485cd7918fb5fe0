"""A published checkpoint into modules: nothing but tensors is unpickled, and every key is accounted for."""

import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mgcld.errors import CheckpointError

Check = Callable[[Tensor], bool]
"""Whether a tensor that is not needed is what it is known to be."""
HEAD = 64
"""Size of one attention head, in every BERT."""
NAMED = 8
"""So many keys are named in an error; of the rest the number."""


def unpickled(path: Path, *, also: Sequence[Any] = ()) -> Any:
    """What the file holds: tensors, numbers and plain containers. `also` lists further harmless types.

    Raises:
        CheckpointError: it cannot be read, or it asks for anything else (a pickle can run any code: not this one).
    """
    try:
        with torch.serialization.safe_globals(list(also)), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a pickle's protocol: what cannot be read is an error
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # whatever torch stumbles over in a damaged file
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path} is no checkpoint that can be loaded safely: {first}", help="download it again from its publisher"
        ) from error


def alike(wanted: Tensor) -> Check:
    """The same shape and, but for rounding, the same numbers."""
    scale = float(wanted.abs().max())
    return lambda found: found.shape == wanted.shape and bool((found - wanted).abs().max() <= 1e-4 * scale)


def shaped(*sizes: int | None) -> Check:
    """So many axes, of these sizes where they are not None."""
    return lambda found: (
        found.dim() == len(sizes) and all(want in (None, have) for want, have in zip(sizes, found.shape, strict=True))
    )


def fill(module: nn.Module, state: Mapping[str, Tensor], *, unneeded: Mapping[str, Check], who: str) -> None:
    """Put every tensor of the checkpoint where it belongs; the `unneeded` are looked at and left.

    Raises:
        CheckpointError: keys are missing, unexpected, or not of the shape or content that they should have.
    """
    wanted = module.state_dict()
    known = {key: state[key] for key in unneeded if key in state}
    faults = {
        "missing": [key for key in wanted if key not in state],
        "unexpected": [key for key in state if key not in wanted and key not in unneeded],
        "of another shape": [key for key in wanted if key in state and state[key].shape != wanted[key].shape],
        "not as they are known": [key for key, tensor in known.items() if not unneeded[key](tensor)],
    }
    if any(faults.values()):
        told = "; ".join(f"{fault}: {_named(keys)}" for fault, keys in faults.items() if keys)
        raise CheckpointError(f"{who}: the weights do not fit. {told}", help="is it the checkpoint of another model?")
    module.load_state_dict({key: state[key] for key in wanted})


def size(state: Mapping[str, Tensor], key: str, axis: int = 0, *, who: str) -> int:
    """The size of one axis of a tensor.

    Raises:
        CheckpointError: there is no such tensor.
    """
    if key not in state or state[key].dim() <= axis:
        raise CheckpointError(
            f"{who}: the weights do not fit. missing: {key}", help="is it the checkpoint of another model?"
        )
    return state[key].shape[axis]


def sizes_of_bert(state: Mapping[str, Tensor], prefix: str, *, who: str) -> dict[str, Any]:
    """A BERT's or RoBERTa's sizes as its configuration in transformers names them, read off its tensors.

    Raises:
        CheckpointError: there is none under that prefix.
    """
    table, layer = f"{prefix}.embeddings.word_embeddings.weight", f"{prefix}.encoder.layer."
    hidden = size(state, table, 1, who=who)
    return {
        "vocab_size": size(state, table, who=who),
        "hidden_size": hidden,
        "num_attention_heads": max(1, hidden // HEAD),
        "num_hidden_layers": len({key.removeprefix(layer).split(".")[0] for key in state if key.startswith(layer)}),
        "intermediate_size": size(state, f"{layer}0.intermediate.dense.weight", who=who),
        "max_position_embeddings": size(state, f"{prefix}.embeddings.position_embeddings.weight", who=who),
        "type_vocab_size": size(state, f"{prefix}.embeddings.token_type_embeddings.weight", who=who),
    }


def _named(keys: Sequence[str]) -> str:
    more = len(keys) - NAMED
    return ", ".join(keys[:NAMED]) + (f" and {more} more" if more > 0 else "")
