"""Several processes that train one student: `torchrun --nproc_per_node 2`. Alone, nothing here does anything."""

import os
from collections.abc import Iterable

import torch
import torch.distributed as group
from torch import Tensor

RANK, WORLD = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def join() -> None:
    """Meet the others."""
    if WORLD > 1:
        group.init_process_group("gloo")


def part() -> None:
    """Leave them, after all have come so far."""
    if WORLD > 1:
        group.barrier()
        group.destroy_process_group()


def agree(tensors: Iterable[Tensor]) -> None:
    """Take over what the first process has."""
    if WORLD > 1:
        for tensor in tensors:
            group.broadcast(tensor, 0)


def average(parameters: list[Tensor], clock: float) -> float:
    """Set every gradient to the mean over the processes; return the mean clock (they must end in the same step)."""
    if WORLD == 1:
        return clock
    with_gradient = [each for each in parameters if each.grad is not None]
    flat = torch.cat([*(each.grad.flatten() for each in with_gradient), torch.tensor([clock])])  # type: ignore[union-attr]
    group.all_reduce(flat)
    flat /= WORLD
    for each, mean in zip(with_gradient, flat[:-1].split([each.numel() for each in with_gradient]), strict=True):
        each.grad.copy_(mean.view_as(each))  # type: ignore[union-attr]
    return float(flat[-1])
