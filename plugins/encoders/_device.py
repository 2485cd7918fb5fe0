"""Which device an encoder runs on."""

import torch

from mgcld.errors import DeviceUnavailable


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
            help="set the encoder's device to auto or cpu",
        )
    if device.type not in ("cpu", "cuda"):
        raise DeviceUnavailable(f"device {wish} is not supported", help="use auto, cpu, cuda or cuda:<number>")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device
