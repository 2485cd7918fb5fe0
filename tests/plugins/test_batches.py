import logging

import pytest
import torch
from mgcld_plugins._batches import Batches, placed
from torch import Tensor

from mgcld.errors import ModelError, OutOfDeviceMemory

ROWS = torch.arange(11.0)


class SmallDevice:
    """Doubles numbers, `memory` of them at once, and runs out of memory as CUDA does."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.asked: list[int] = []

    def __call__(self, part: slice) -> Tensor:
        rows = ROWS[part]
        self.asked.append(len(rows))
        if len(rows) > self.memory:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return 2 * rows


@pytest.mark.parametrize("memory", [1, 2, 3, 4, 8, 100])
@pytest.mark.parametrize("largest", [1, 3, 8, 32])
def test_every_row_is_done_once_and_in_order_whatever_fits(memory: int, largest: int) -> None:
    results = Batches("clap", largest)(SmallDevice(memory), len(ROWS))
    assert torch.cat(results).tolist() == (2 * ROWS).tolist()


def test_what_did_not_fit_once_is_not_tried_again_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    batches, device = Batches("clap", 8), SmallDevice(2)
    with caplog.at_level(logging.WARNING):
        batches(device, len(ROWS))
        batches(device, len(ROWS))
    assert device.asked == [8, 4, *[2] * 5, 1, *[2] * 5, 1]
    assert batches.largest == 2
    assert [record.message for record in caplog.records] == [
        "clap: 8 rows do not fit into the device's memory; 4 at once from now on"
    ]


def test_a_device_that_holds_nothing_is_a_named_error() -> None:
    with pytest.raises(OutOfDeviceMemory, match="clap: the device's memory does not hold even one clip") as raised:
        Batches("clap", 4)(SmallDevice(0), len(ROWS))
    assert isinstance(raised.value, ModelError)
    assert "bfloat16" in raised.value.help


def test_weights_that_do_not_fit_are_a_named_error_too() -> None:
    class Large(torch.nn.Linear):
        def _apply(self, *_: object, **__: object) -> "Large":
            raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(OutOfDeviceMemory, match="clap: the device's memory does not hold the weights") as raised:
        placed(Large(2, 3), torch.device("cpu"), "clap")
    assert "cpu" in raised.value.help
    assert "bfloat16" not in raised.value.help  # which would not make them smaller
    assert placed(torch.nn.Linear(2, 3), torch.device("cpu"), "clap").weight.shape == (3, 2)


def test_other_errors_rise_and_no_rows_are_no_results() -> None:
    def broken(part: slice) -> Tensor:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        Batches("clap", 4)(broken, 3)
    assert Batches("clap", 4)(broken, 0) == []
