from pathlib import Path

import pytest
from mgcld_plugins.sources._mic import alsa
from sound_cards import SoundCards

SNOWBALL = {"port": "1-2", "product": "0d8c:0005", "serial": "201603", "by_id": "usb-BLUE_Snowball_201603-00"}
CHEAP = {"product": "1b3f:2008", "by_id": "usb-Cheap_Mic-00"}


@pytest.fixture
def system(tmp_path: Path) -> SoundCards:
    return SoundCards(tmp_path / "a folder")


def test_a_card_is_known_by_id_port_product_serial_and_what_udev_calls_it(system: SoundCards) -> None:
    system.plug(0, "PCH", "HDA Intel PCH")
    system.plug(1, "Snowball", "Blue Snowball", **SNOWBALL)
    cards = alsa.cards(system.root)
    by_path = "pci-0000:00:14.0-usb-0:2:1.0"
    assert cards[1].names == {"snowball", "usb-blue_snowball_201603-00", by_path, "1-2", "0d8c:0005", "201603"}
    assert cards[0].names == {"pch", "pci-0000:00:1f.3"}
    assert (cards[0].title, cards[1].title) == ("HDA Intel PCH", "Blue Snowball")


def test_the_stable_name_is_the_device_s_own_where_it_has_a_serial_number(system: SoundCards) -> None:
    system.plug(0, "PCH", "HDA Intel PCH")
    system.plug(1, "Snowball", "Blue Snowball", **SNOWBALL)
    system.plug(2, "Mic", "Cheap Mic", port="1-3.1", **CHEAP)
    stable = [card.stable for card in alsa.cards(system.root).values()]
    assert stable == ["PCH", "usb-BLUE_Snowball_201603-00", "pci-0000:00:14.0-usb-0:3.1:1.0"]


def test_a_card_keeps_its_names_under_another_number(system: SoundCards) -> None:
    system.plug(1, "Snowball", "Blue Snowball", **SNOWBALL)
    before = alsa.cards(system.root)[1]
    system.unplug(1)
    assert alsa.cards(system.root) == {}
    system.plug(4, "Snowball", "Blue Snowball", **SNOWBALL)
    after = alsa.cards(system.root)[4]
    assert (after.stable, after.names) == (before.stable, before.names)
    assert not before.is_still(after)


def test_what_tells_twins_apart_is_their_port_alone(system: SoundCards) -> None:
    system.plug(1, "Mic", "Cheap Mic", port="1-1", **CHEAP)
    system.plug(2, "Mic_1", "Cheap Mic", port="1-2", **CHEAP)
    first, second = alsa.cards(system.root).values()
    assert first.names & second.names == {"usb-cheap_mic-00", "1b3f:2008"}
    assert (first.stable, second.stable) == ("pci-0000:00:14.0-usb-0:1:1.0", "pci-0000:00:14.0-usb-0:2:1.0")


def test_another_device_in_the_same_place_is_not_the_same(system: SoundCards) -> None:
    system.plug(1, "Mic", "Cheap Mic", port="1-1", **CHEAP)
    before = alsa.cards(system.root)[1]
    assert before.is_still(alsa.cards(system.root)[1])
    system.unplug(1)
    system.plug(1, "Mic", "Cheap Mic", port="1-1", product="1b3f:2009")
    assert not before.is_still(alsa.cards(system.root)[1])
    assert not before.is_still(None)


def test_without_udev_a_usb_device_is_known_by_its_port(system: SoundCards) -> None:
    system.plug(1, "Snowball", "Blue Snowball", **SNOWBALL)
    for link in (system.root / "dev/snd").glob("by-*/*"):
        link.unlink()
    assert alsa.cards(system.root)[1].stable == "1-2"


def test_a_machine_without_sound_has_no_cards(tmp_path: Path) -> None:
    assert alsa.cards(tmp_path) == {}
    assert alsa.cards(SoundCards(tmp_path / "none").root) == {}


def test_the_card_that_a_thread_holds_is_found(system: SoundCards) -> None:
    system.plug(0, "PCH", "HDA Intel PCH")
    system.plug(1, "Snowball", "Blue Snowball", **SNOWBALL)
    system.hold(0, 4711)
    system.hold(1, 4712)
    assert alsa.held_by(system.root, {4712, 9}) == {1}
    assert alsa.held_by(system.root, {9}) == set()


@pytest.mark.parametrize(
    ("name", "numbers"), [("Blue Snowball: USB Audio (hw:1,0)", (1, 0)), ("default", None), ("Mic (hw:12,3)", (12, 3))]
)
def test_portaudio_s_names_hold_the_numbers_of_card_and_device(name: str, numbers: tuple[int, int] | None) -> None:
    assert alsa.hardware(name) == numbers
