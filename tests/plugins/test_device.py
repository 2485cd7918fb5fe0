from typing import Any

import pytest
import torch
from mgcld_plugins._device import chosen_device, computing

from mgcld.errors import DeviceUnavailable, OutOfDeviceMemory

CPU = torch.device("cpu")


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_layers_compute_in_the_precision_that_was_asked_for_and_only_inside(precision: Any) -> None:
    layer, rows = torch.nn.Linear(3, 2), torch.ones(4, 3)
    context = computing(CPU, precision)
    with context():
        assert layer(rows).dtype == getattr(torch, precision)
    assert layer(rows).dtype == layer.weight.dtype == torch.float32
    with context():  # as often as it is needed
        assert layer(rows).dtype == getattr(torch, precision)


def test_a_device_that_does_not_compute_so_is_told_before_anything_is_loaded() -> None:
    with pytest.raises(DeviceUnavailable, match="meta does not compute in bfloat16") as raised:
        computing(torch.device("meta"), "bfloat16")
    assert "float32" in raised.value.help


def test_a_device_that_is_full_is_not_called_one_that_cannot_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch.nn.functional, "conv2d", full)
    with pytest.raises(OutOfDeviceMemory, match="no memory left on cpu"):
        computing(CPU, "bfloat16")


@pytest.mark.parametrize("wish", ["", "gpu", "mps", "meta", "cuda:-1", "cuda:99", "cuda:99999999999999"])
def test_what_is_no_device_of_this_machine_is_told(wish: str) -> None:
    with pytest.raises(DeviceUnavailable) as raised:
        chosen_device(wish)
    assert "cpu" in raised.value.help
