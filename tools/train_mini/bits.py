"""Numbers in few bits, as the encoder's file holds them."""

import torch
from torch import Tensor

CLIPPINGS = (1.0, 0.9, 0.8, 0.7)
GROUP = 32
"""So many numbers of four bits share a scale."""


def quantised(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """All but vectors and stems in eight bits."""
    stored = {}
    for name, tensor in tensors.items():
        few = tensor.dim() > 1 and not name.endswith("stem.weight")
        stored |= in_eight_bits(name, tensor) if few else {name: tensor}
    return stored


def in_eight_bits(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """int8 with a scale for each row."""
    whole, scales = _rounded(tensor.flatten(1), 127)
    return {name: whole.to(torch.int8).view_as(tensor), f"{name}.scale": scales}


def in_four_bits(name: str, table: Tensor) -> dict[str, Tensor]:
    """Two numbers in each byte, from -7 to 7, with a scale for each group of a row of (rows, columns)."""
    whole, scales = _rounded(table.view(-1, GROUP), 7)
    high, low = (whole.view(len(table), -1, 2) + 8).to(torch.uint8).unbind(-1)
    return {name: high << 4 | low, f"{name}.scale": scales.view(len(table), -1).half()}


def _rounded(rows: Tensor, largest: int) -> tuple[Tensor, Tensor]:
    """Whole numbers and a scale for each row: of some clippings the one with the least error."""
    scales = torch.stack([(rows.abs().amax(1) / largest).clamp_min(1e-8) * clipping for clipping in CLIPPINGS])
    tried = (rows / scales[..., None]).round().clamp(-largest, largest)  # (clippings, rows, columns)
    best = (tried * scales[..., None] - rows).square().sum(-1).argmin(0)
    row = torch.arange(len(rows))
    return tried[best, row], scales[best, row]
