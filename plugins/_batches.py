"""As many rows at once as the device's memory holds."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from mgcld.errors import OutOfDeviceMemory

logger = logging.getLogger(__name__)

ROOM = "set its device to cpu, or end what else uses the GPU"
LESS = f"{ROOM}, or set its precision to bfloat16"
"""Weights are kept in float32 all the same."""

Result = TypeVar("Result")
Module = TypeVar("Module", bound=torch.nn.Module)


def placed(model: Module, device: torch.device, who: str) -> Module:
    """The model with its weights on the device.

    Raises:
        OutOfDeviceMemory: they do not fit.
    """
    try:
        return model.to(device)
    except torch.OutOfMemoryError as error:
        raise OutOfDeviceMemory(f"{who}: the device's memory does not hold the weights", help=ROOM) from error


class Batches:
    """Runs a model on slices of its input; when CUDA's memory does not suffice, on half as much from then on."""

    def __init__(self, who: str, largest: int) -> None:
        """At most `largest` rows at once; `who` runs, for messages."""
        self.largest = largest
        self._who = who
        self._told = False

    def __call__(self, run: Callable[[slice], Result], rows: int) -> list[Result]:
        """`run` for each slice of 0...rows, in order.

        Raises:
            OutOfDeviceMemory: not even one row fits.
        """
        results: list[Result] = []
        start = 0
        while start < rows:
            stop = min(start + self.largest, rows)
            result = self._tried(run, slice(start, stop))
            if result is None:
                self._halve(stop - start)
            else:
                results += result
                start = stop
        return results

    def _tried(self, run: Callable[[slice], Result], part: slice) -> list[Result] | None:
        try:
            return [run(part)]
        except torch.OutOfMemoryError as error:
            if part.stop - part.start == 1:
                raise OutOfDeviceMemory(
                    f"{self._who}: the device's memory does not hold even one clip or text", help=LESS
                ) from error
            return None  # the error holds on to the tensors: only once it is gone can memory be freed

    def _halve(self, rows: int) -> None:
        torch.cuda.empty_cache()
        self.largest = rows // 2
        log = logger.debug if self._told else logger.warning
        log("%s: %d rows do not fit into the device's memory; %d at once from now on", self._who, rows, self.largest)
        self._told = True
