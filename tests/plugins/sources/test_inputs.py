from pathlib import Path

import pytest
from mgcld_plugins.sources._mic import alsa
from mgcld_plugins.sources._mic.inputs import Input, chosen, inputs, is_identity
from mgcld_plugins.sources._mic.portaudio import Device
from mgcld_plugins.sources._mic.pulse import Source
from sound_cards import SoundCards

from mgcld.errors import SourceError

BUILT_IN = Device(0, "HDA Intel PCH: ALC257 Analog (hw:0,0)", "ALSA", 2, 48_000, False)
SNOWBALL = Device(1, "Blue Snowball: USB Audio (hw:1,0)", "ALSA", 1, 44_100, False)
RECORDER = Device(2, "H4n: USB Audio (hw:2,0)", "ALSA", 4, 96_000, False)
RECORDER_TOO = Device(3, "H4n: USB Audio #1 (hw:2,1)", "ALSA", 2, 96_000, False)
PULSE = Device(4, "pulse", "ALSA", 32, 44_100, False)
DEFAULT = Device(5, "default", "ALSA", 32, 44_100, True)
DEVICES = [BUILT_IN, SNOWBALL, RECORDER, RECORDER_TOO, PULSE, DEFAULT]

STEREO = ("front-left", "front-right")
WEBCAM = Source(7, "alsa_input.usb-Webcam-00.mono", "Webcam Mono", ("mono",), 16_000, 3)
LINE = Source(8, "alsa_input.pci-0000_00_1f.3.analog-stereo", "Built-in Analog Stereo", STEREO, 48_000, 0)


@pytest.fixture
def known(tmp_path: Path) -> list[Input]:
    system = SoundCards(tmp_path / "root")
    system.plug(0, "PCH", "HDA Intel PCH")
    system.plug(1, "Snowball", "Blue Snowball", "1-2", "0d8c:0005", "201603", "usb-BLUE_Snowball_201603-00")
    system.plug(2, "H4n", "H4n", "1-3", "1686:0045", "000001", "usb-ZOOM_H4n_000001-00")
    return inputs(DEVICES, alsa.cards(system.root), [WEBCAM, LINE], LINE.name)


@pytest.mark.parametrize(
    ("wish", "device"),
    [
        ("default", DEFAULT),
        ("0", BUILT_IN),
        ("1", SNOWBALL),
        ("PCH", BUILT_IN),
        ("snowball", SNOWBALL),
        ("1-2", SNOWBALL),
        ("201603", SNOWBALL),
        ("0d8c:0005", SNOWBALL),
        ("usb-BLUE_Snowball_201603-00", SNOWBALL),
        ("/dev/snd/by-id/usb-BLUE_Snowball_201603-00", SNOWBALL),
        ("/dev/snd/by-path/pci-0000:00:14.0-usb-0:2:1.0", SNOWBALL),
        ("H4n,1", RECORDER_TOO),
        ("1-3,0", RECORDER),
        ("alc257", BUILT_IN),
        ("USB Audio #1", RECORDER_TOO),
        (BUILT_IN.name, BUILT_IN),
        (WEBCAM.name, PULSE),
    ],
)
def test_every_kind_of_wish_finds_its_device(wish: str, device: Device, known: list[Input]) -> None:
    assert chosen(wish, known).device is device


@pytest.mark.parametrize("wish", ["7", "Theremin", "Snow", "1-4", "alsa_input.usb", "PCH,1", ""])
def test_another_device_is_never_chosen_instead(wish: str, known: list[Input]) -> None:
    known = [each for each in known if each.device is not SNOWBALL]
    with pytest.raises(SourceError) as caught:
        chosen(wish, known)
    assert caught.value.reason == "absent"
    assert "alsa_input.usb-Webcam-00.mono (Webcam Mono)" in str(caught.value) or wish == ""
    assert caught.value.help


@pytest.mark.parametrize("wish", ["USB Audio", "H4n", "1-3", "1686:0045"])
def test_a_wish_that_may_mean_two_devices_names_them(wish: str, known: list[Input]) -> None:
    with pytest.raises(SourceError, match="several microphones") as caught:
        chosen(wish, known)
    assert caught.value.reason == "absent"
    assert "usb-ZOOM_H4n_000001-00,0" in str(caught.value)
    assert "usb-ZOOM_H4n_000001-00,1" in str(caught.value)
    assert "Webcam" not in str(caught.value)


def test_every_stable_name_finds_its_own_input(known: list[Input]) -> None:
    assert [chosen(each.stable, known) for each in known] == known


def test_only_an_identity_means_the_same_for_ever(known: list[Input]) -> None:
    snowball = chosen("1-2", known)
    assert all(
        is_identity(wish, snowball) for wish in ("1-2", "201603", "/dev/snd/by-path/pci-0000:00:14.0-usb-0:2:1.0")
    )
    assert not any(is_identity(wish, snowball) for wish in ("1", "default", "Blue Snow"))


def test_the_kernel_s_id_is_an_identity_only_of_what_nobody_unplugs(known: list[Input]) -> None:
    assert is_identity("PCH", chosen("PCH", known))
    assert not is_identity("Snowball", chosen("Snowball", known))
    assert not is_identity("h4n,1", chosen("h4n,1", known))


def test_a_source_of_the_sound_server_keeps_its_own_rate_and_channels(known: list[Input]) -> None:
    webcam, default = chosen(WEBCAM.name, known), chosen("default", known)
    assert (webcam.sample_rate, webcam.channels, webcam.is_default) == (16_000, 1, False)
    assert (default.sample_rate, default.channels, default.source) == (48_000, 2, LINE)


def test_without_a_door_to_the_sound_server_its_sources_are_not_offered() -> None:
    assert [each.stable for each in inputs([SNOWBALL], {}, [WEBCAM], "")] == [SNOWBALL.name]


def test_without_a_default_input_there_is_no_default(known: list[Input]) -> None:
    with pytest.raises(SourceError, match="there are: none"):
        chosen("default", [])
    with pytest.raises(SourceError, match="Snowball"):
        chosen("default", [each for each in known if each.device is SNOWBALL])
