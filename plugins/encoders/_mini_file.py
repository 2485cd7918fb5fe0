"""The file that `mini`'s weights lie in: safetensors of few bits a number, with notes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mgcld.errors import CheckpointError, WeightsUnavailable

from ._mini_audio import AudioNet, AudioNets

INSTEAD = "leave `weights` out of the configuration"


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (rows of eight or four bits times their scales) and notes of a weights file.

    Raises:
        WeightsUnavailable: no such file.
        CheckpointError: the file is not mini's.
    """
    if not path.is_file():
        raise WeightsUnavailable(f"mini's weights are not at {path}", help="install mgcld again")
    try:
        with safe_open(path, "pt") as file:
            notes: dict[str, str] = file.metadata() or {}
            raw = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}", help="install mgcld again") from error
    if not {"config", "tag_names", "vocab"} <= set(notes):
        raise CheckpointError(f"{path} does not hold mini's weights", help=INSTEAD)
    names = [name for name in raw if not name.endswith(".scale")]
    try:
        return {name: _float(raw[name], raw.get(f"{name}.scale")) for name in names}, notes
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not as mini's files are: {error}", help=INSTEAD) from error


def _float(value: Tensor, scale: Tensor | None) -> Tensor:
    if value.dtype == torch.uint8:  # two numbers in each byte, and a scale for each group of a row
        if scale is None:
            raise ValueError("numbers of four bits without their scale")
        numbers = torch.stack([value >> 4, value & 15], -1).float() - 8
        return (numbers.reshape(*scale.shape, -1) * scale.float()[..., None]).flatten(1)
    if scale is None:
        return value.float()
    return value.float() * scale.float().view(-1, *[1] * (value.dim() - 1))


def audio_nets(options: Sequence[dict[str, Any]], tensors: dict[str, Tensor]) -> AudioNets:
    """The networks of a weights file, from its configuration and tensors (`audio.0.stem.weight`)."""
    nets: Any = AudioNets(AudioNet(**each) for each in options)  # Any: torch does not annotate `to(memory_format=...)`
    nets.load_state_dict({name.removeprefix("audio."): t for name, t in tensors.items() if name.startswith("audio.")})
    placed: AudioNets = nets.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return placed
