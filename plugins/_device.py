"""Which device an encoder runs on, and how precisely it computes there."""

import contextlib
from collections.abc import Callable
from typing import Literal

import torch

from mgcld.errors import DeviceUnavailable, OutOfDeviceMemory

from ._batches import ROOM

Precision = Literal["float32", "bfloat16", "float16"]


def chosen_device(wish: str) -> torch.device:
    """`auto` takes CUDA where it is, `cpu`, `cuda` and `cuda:1` say it plainly.

    Raises:
        DeviceUnavailable: no such device on this machine.
    """
    if wish == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wish)
    except RuntimeError as error:
        raise DeviceUnavailable(f"{wish!r} is no device", help="use auto, cpu, cuda or cuda:<number>") from error
    seen = torch.cuda.device_count()
    if device.type == "cuda" and not 0 <= (device.index or 0) < seen:  # a huge number comes back negative
        raise DeviceUnavailable(
            f"device {wish} is not there: this machine shows {seen} CUDA device(s)",
            help="set its device to auto or cpu",
        )
    if device.type not in ("cpu", "cuda"):
        raise DeviceUnavailable(f"device {wish} is not supported", help="use auto, cpu, cuda or cuda:<number>")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def computing(device: torch.device, precision: Precision) -> Callable[[], contextlib.AbstractContextManager[object]]:
    """A context for the model's own layers; what comes out of it is made float32 again by the encoder.

    Weights stay float32: sums and normalisations of a model keep their precision, multiplications lose it (autocast).

    Raises:
        DeviceUnavailable: this device does not compute so.
        OutOfDeviceMemory: it is full.
    """
    if precision == "float32":
        return contextlib.nullcontext
    dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}[precision]

    def context() -> contextlib.AbstractContextManager[object]:
        return torch.autocast(device.type, dtype)

    try:
        with context():
            torch.nn.functional.conv2d(torch.ones(1, 1, 2, 2, device=device), torch.ones(1, 1, 2, 2, device=device))
    except torch.OutOfMemoryError as error:
        raise OutOfDeviceMemory(f"there is no memory left on {device}", help=ROOM) from error
    except RuntimeError as error:
        named = f"{device.type} does not compute in {precision}: {error}"
        raise DeviceUnavailable(named, help="set the encoder's precision to float32") from error
    return context
