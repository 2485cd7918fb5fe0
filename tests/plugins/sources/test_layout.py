import numpy as np
import pytest
from mgcld_plugins.sources._mic.layout import Mix, checked, layouts

from mgcld.errors import ConfigError, SourceError


@pytest.mark.parametrize(
    ("available", "channels", "mix", "opened", "heard"),
    [
        (1, None, "mean", 1, (1,)),
        (2, None, "mean", 2, (1, 2)),
        (8, None, "mean", 2, (1, 2)),
        (8, 3, "mean", 3, (1, 2, 3)),
        (8, None, 4, 4, (4,)),
        (8, None, [3, 1], 3, (3, 1)),
        (8, 8, [1, 3], 8, (1, 3)),
    ],
)
def test_as_many_channels_are_opened_as_are_heard(
    available: int, channels: int | None, mix: Mix, opened: int, heard: tuple[int, ...]
) -> None:
    (layout,) = layouts(available, channels, checked(channels, mix), by_server=False)
    assert (layout.opened, layout.heard) == (opened, heard)


def test_of_a_sound_server_all_channels_are_opened_so_that_each_is_true() -> None:
    first, second = layouts(4, None, (), by_server=True)
    assert (first.opened, first.heard, first.downmix) == (4, (1, 2), False)
    assert (second.opened, second.heard, second.downmix) == (1, (1,), True)
    (only,) = layouts(4, None, (3,), by_server=True)
    assert (only.opened, only.heard) == (4, (3,))


@pytest.mark.parametrize(("channels", "mix"), [(3, "mean"), (None, 3), (None, [1, 3])])
def test_a_device_with_too_few_channels_says_how_many_it_has(channels: int | None, mix: Mix) -> None:
    with pytest.raises(SourceError, match="channel 3 is wished for; the device has 2") as caught:
        list(layouts(2, channels, checked(channels, mix), by_server=False))
    assert caught.value.reason == "codec"


@pytest.mark.parametrize(
    ("channels", "mix"), [(0, "mean"), (None, 0), (None, []), (None, [1, 1]), (2, 3), (None, [-1])]
)
def test_channels_that_no_device_can_have_are_a_slip_in_the_configuration(channels: int | None, mix: Mix) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(channels, mix)
    assert caught.value.help


def test_what_is_heard_is_the_mean_of_the_chosen_channels() -> None:
    samples = np.array([[1.0, 2.0, 6.0], [0.0, 4.0, 8.0]], np.float32)
    (layout,) = layouts(3, None, (1, 3), by_server=False)
    mixed = layout.mixed(samples)
    assert mixed.dtype == np.float32
    assert mixed.tolist() == [3.5, 4.0]
