import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from children import PATIENCE_SECONDS, Child
from conftest import PulseAudio
from mgcld_plugins.sources._mic import portaudio
from mgcld_plugins.sources.microphone import MicrophoneSource
from sound_cards import SoundCards
from tones import tone

from mgcld.errors import ConfigError, SourceError

LISTEN = Path(__file__).parent / "listen.py"
REAL = [pytest.mark.system("portaudio"), pytest.mark.system("pulseaudio")]
RESUMED_SECONDS = 5.0 + 1.0
"""What is promised, and what a busy machine may add to the measuring."""

Told = dict[str, Any]


def real(test: Callable[..., None]) -> Callable[..., None]:
    for mark in REAL:
        test = mark(test)
    return test


def until(child: Child, enough: Callable[[Told], bool]) -> list[Told]:
    """What the child tells, up to what is enough."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    told: list[Told] = [json.loads(child.line())]
    while not enough(told[-1]):
        assert time.monotonic() < deadline, told[-1]
        told.append(json.loads(child.line()))
    return told


def hears(frequency: float) -> Callable[[Told], bool]:
    return lambda told: abs(told.get("frequency", 0) - frequency) <= 10


def is_absent(told: Told) -> bool:
    return told.get("reason") == "absent"


def frequencies(told: list[Told]) -> set[int]:
    """To the tens of hertz that a tenth of a second tells apart."""
    return {round(line["frequency"], -1) for line in told if "frequency" in line}


def listening(pulseaudio: PulseAudio, *words: str, root: Path | None = None) -> Child:
    environment = pulseaudio.environment | ({"MGCLD_TEST_ROOT": str(root)} if root else {})
    return Child(LISTEN, *words, environment=environment)


@real
def test_a_tone_is_heard_at_its_frequency_and_level(pulseaudio: PulseAudio) -> None:
    with listening(pulseaudio, "windows", "default", "30") as child:
        told = until(child, lambda line: line.get("first_sample", 0) >= 16_000)
    assert [line["state"] for line in told if "state" in line] == ["connecting", "live"]
    *_, window = told
    assert window["frequency"] == pytest.approx(1000, abs=2)
    assert window["level"] == pytest.approx(-11.53, abs=0.3)  # the mean of 0.5 and 0.25
    assert (window["gap_samples"], window["epoch"]) == (0, 0)
    assert window["clock"] in ("adc", "arrival")
    assert -1 < window["late_seconds"] < 3


@real
def test_a_sound_server_that_ends_and_returns_is_a_new_epoch(pulseaudio: PulseAudio) -> None:
    with listening(pulseaudio, "windows", "default", "60") as child:
        until(child, lambda line: "first_sample" in line)
        pulseaudio.kill()
        *_, absent = until(child, lambda line: line.get("state") == "absent")
        assert absent["reason"] == "absent"
        pulseaudio.start()
        told = until(child, lambda line: line.get("first_sample", 0) > 0 and line["epoch"] == 1)
    first, second = (line for line in told if line.get("epoch") == 1)
    assert (first["first_sample"], first["gap_samples"]) == (0, None)
    assert second["frequency"] == pytest.approx(1000, abs=2)


@real
@pytest.mark.parametrize("wish", ["kitchen", "default"])
def test_a_source_that_vanishes_is_waited_for_though_the_server_offers_another(
    wish: str, pulseaudio: PulseAudio
) -> None:
    plugged = pulseaudio.whistle("kitchen", 1500)
    pulseaudio.prefer("kitchen")
    with listening(pulseaudio, "follow", wish) as child:
        until(child, hears(1500))
        pulseaudio.unload(plugged)  # the server moves its listeners to what is left
        gone = time.monotonic()
        pulseaudio.whistle("hall", 3000)
        pulseaudio.prefer("hall")
        told = until(child, is_absent)
        assert time.monotonic() - gone < 3
        told += until(child, is_absent)
        assert "kitchen" in told[-1]["error"]
        pulseaudio.whistle("kitchen", 1500)
        back = time.monotonic()
        told += until(child, hears(1500))
        assert time.monotonic() - back < RESUMED_SECONDS
    assert frequencies(told) == {1500}


@real
def test_a_listener_that_people_move_to_another_source_returns_to_its_own(pulseaudio: PulseAudio) -> None:
    pulseaudio.whistle("kitchen", 1500)
    pulseaudio.whistle("hall", 3000)
    with listening(pulseaudio, "follow", "kitchen") as child:
        until(child, hears(1500))
        pulseaudio.move_listeners("hall")
        told = until(child, is_absent)
        told += until(child, hears(1500))
    assert frequencies(told) == {1500}


@real
def test_a_sound_server_that_hangs_is_told_soon_and_heard_when_it_goes_on(pulseaudio: PulseAudio) -> None:
    pulseaudio.whistle("kitchen", 1500)
    with listening(pulseaudio, "follow", "kitchen") as child:
        until(child, hears(1500))
        pulseaudio.pause()
        hung = time.monotonic()
        told = until(child, is_absent)
        assert time.monotonic() - hung < 6
        told += until(child, is_absent)
        pulseaudio.resume()
        told += until(child, hears(1500))
    assert frequencies(told) == {1500}


@pytest.fixture
def cards(tmp_path: Path) -> SoundCards:
    return SoundCards(tmp_path / "root")


SNOWBALL = ("Snowball", "Blue Snowball", "1-2", "0d8c:0005", "201603", "usb-BLUE_Snowball_201603-00")
WEBCAM = ("Webcam", "Webcam", "1-3", "046d:0825", "77", "usb-Webcam_77-00")


@real
def test_a_card_returns_under_another_number_while_another_has_taken_its_own(
    pulseaudio: PulseAudio, cards: SoundCards
) -> None:
    pulseaudio.whistle("kitchen", 1500)
    pulseaudio.whistle("hall", 3000)
    cards.plug(1, *SNOWBALL)
    pulseaudio.name_in_alsa(**{"Snowball(hw:1,0)": "kitchen"})
    with listening(pulseaudio, "follow", "1-2", root=cards.root) as child:
        *_, heard = until(child, hears(1500))
        assert heard["facts"]["device"] == "usb-BLUE_Snowball_201603-00"
        cards.unplug(1)
        cards.plug(1, *WEBCAM)
        pulseaudio.name_in_alsa(**{"Webcam(hw:1,0)": "hall"})
        gone = time.monotonic()
        told = until(child, is_absent)
        assert time.monotonic() - gone < 3
        told += until(child, is_absent)
        assert "usb-Webcam_77-00" in told[-1]["error"]
        cards.plug(2, *SNOWBALL)
        pulseaudio.name_in_alsa(**{"Webcam(hw:1,0)": "hall", "Snowball(hw:2,0)": "kitchen"})
        back = time.monotonic()
        told += until(child, hears(1500))
        assert time.monotonic() - back < RESUMED_SECONDS
        assert told[-1]["facts"]["name"] == "Snowball(hw:2,0)"
    assert frequencies(told) == {1500}


@real
def test_a_card_that_another_program_holds_is_not_called_absent(pulseaudio: PulseAudio, cards: SoundCards) -> None:
    cards.plug(1, *SNOWBALL)  # PortAudio lists no input of it
    with listening(pulseaudio, "follow", "Snowball", root=cards.root) as child:
        told = json.loads(child.line())
    assert told["reason"] == "refused"
    assert "usb-BLUE_Snowball_201603-00 is there" in told["error"]
    assert told["help"]


@real
def test_what_nobody_takes_in_time_is_a_gap_of_its_size(pulseaudio: PulseAudio) -> None:
    with listening(pulseaudio, "overflow", "default", "10", "3") as child:
        blocks = [json.loads(child.line()) for _ in range(20)]
        assert child.wait() == 0
    ((rate, epoch),) = {(block["rate"], block["epoch"]) for block in blocks}
    assert epoch == 0
    before, after = max(itertools.pairwise(blocks), key=lambda pair: pair[1]["first"] - pair[0]["first"])
    gap = after["first"] - before["first"] - before["samples"]
    assert rate < gap < 5 * rate
    assert gap % before["samples"] == 0
    by_clock = (after["captured_ns"] - before["captured_ns"]) / 1e9 - before["samples"] / rate
    uncertainty = (after["uncertainty_ns"] + before["uncertainty_ns"]) / 1e9
    assert by_clock == pytest.approx(gap / rate, abs=uncertainty)


@real
def test_a_source_is_heard_at_its_own_rate(pulseaudio: PulseAudio) -> None:
    for rate in (8_000, 44_100, 96_000, 192_000):
        pulseaudio.whistle(f"at{rate}", 1500, rate)
    for rate in (8_000, 44_100, 96_000, 192_000):
        with listening(pulseaudio, "follow", f"at{rate}") as child:
            *_, heard = until(child, hears(1500))
        assert (heard["rate"], heard["facts"]["sample_rate"]) == (rate, rate)


@real
def test_a_rate_that_is_wished_for_is_taken(pulseaudio: PulseAudio) -> None:
    pulseaudio.whistle("kitchen", 1500)
    with listening(pulseaudio, "follow", "kitchen", '{"sample_rate": 16000}') as child:
        *_, heard = until(child, hears(1500))
    assert heard["rate"] == 16_000


@real
def test_a_rate_that_the_device_does_not_take_is_told_with_those_that_it_takes(pulseaudio: PulseAudio) -> None:
    pulseaudio.whistle("kitchen", 1500)
    pulseaudio.name_in_alsa(cooker="kitchen")
    with listening(pulseaudio, "follow", "cooker", '{"sample_rate": 999999}') as child:
        told = json.loads(child.line())
    assert told["reason"] == "codec"
    assert "does not take 999999 Hz" in told["error"]
    assert "44100, 48000" in told["help"]


@pytest.mark.system("portaudio")
def test_where_a_stream_does_not_close_and_cards_have_changed_another_process_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(portaudio, "running", {"one that hangs"})
    portaudio.rescan(portaudio._listing)
    with pytest.raises(SourceError, match="does not let go") as caught:
        portaudio.rescan(portaudio._listing + " 1 [Mic ]: USB-Audio - Mic")
    assert (caught.value.reason, bool(caught.value.help)) == ("crashed", True)


@real
def test_channels_are_chosen_and_mixed(pulseaudio: PulseAudio, tmp_path: Path) -> None:
    order = "front-left,front-right,rear-left,rear-right"
    pulseaudio.load("module-null-sink", sink_name="four", channels=4, rate=48_000, channel_map=order)
    sound = np.stack([tone(500 * channel, 60, 48_000) for channel in (1, 2, 3, 4)], axis=1)
    soundfile.write(tmp_path / "four.wav", sound, 48_000)
    pulseaudio.play("four", tmp_path / "four.wav", order)
    for mix, frequency in ((3, 1500), ([4], 2000)):
        with listening(pulseaudio, "follow", "four.monitor", json.dumps({"mix": mix})) as child:
            told = until(child, hears(frequency))
        assert frequencies(told) == {frequency}
        assert told[-1]["facts"]["channels"] == 4
    with listening(pulseaudio, "follow", "four.monitor", '{"mix": 5}') as child:
        told = until(child, lambda line: "error" in line)
    assert told[-1]["reason"] == "codec"
    assert "the device has 4" in told[-1]["error"]


@real
def test_channels_that_the_sound_server_would_mix_are_not_passed_off_as_true(pulseaudio: PulseAudio) -> None:
    order = "aux0,aux1,aux2,aux3"
    pulseaudio.load("module-null-sink", sink_name="four", channels=4, rate=48_000, channel_map=order)
    with listening(pulseaudio, "follow", "four.monitor", '{"mix": 3}') as child:
        told = json.loads(child.line())
    assert told["reason"] == "codec"
    assert "name the card itself" in told["help"]


@real
def test_a_device_that_is_not_there_is_absent(pulseaudio: PulseAudio) -> None:
    with listening(pulseaudio, "follow", "Theremin") as child:
        told = json.loads(child.line())
    assert told["reason"] == "absent"
    assert "Theremin" in told["error"]
    assert "default" in told["error"]
    assert told["help"]


@real
def test_an_index_is_taken_with_a_warning_and_the_name_to_write_instead(pulseaudio: PulseAudio) -> None:
    pulseaudio.whistle("kitchen", 1500)
    pulseaudio.prefer("kitchen")
    with listening(pulseaudio, "follow", "0") as child:
        until(child, hears(1500))
    assert "'0' may mean another one" in child.errors
    assert "'kitchen'" in child.errors


@real
def test_the_devices_are_listed(pulseaudio: PulseAudio) -> None:
    pulseaudio.whistle("kitchen", 1500, 96_000)
    pulseaudio.prefer("kitchen")
    environment = pulseaudio.environment | {"COLUMNS": "160"}
    with Child("from mgcld.cli.devices import devices; devices()", environment=environment) as child:
        assert child.wait() == 0
        lines = [line.split() for line in child.waiting()]
    assert ["kitchen", "Sine", "source", "at", "1500", "Hz", "sound", "server", "1", "96000", "default"] in lines
    assert [line[0] for line in lines if line[-1:] == ["default"]] == ["default", "kitchen"]


def test_without_portaudio_the_error_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    code = (
        "from mgcld.errors import SourceError\nfrom mgcld_plugins.sources.microphone import MicrophoneSource\n"
        "for call in (MicrophoneSource.devices, lambda: next(MicrophoneSource().blocks())):\n"
        "    try: call()\n"
        "    except SourceError as error: print(error.reason, error.help)"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with Child(code, environment={**os.environ, "PYTHONPATH": path}) as child:
        for _ in range(2):
            assert child.line() == "absent install PortAudio (Debian, Ubuntu: apt install libportaudio2)"


def test_a_rate_that_no_device_has_is_a_slip_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match="sample_rate cannot be 48") as caught:
        MicrophoneSource(sample_rate=48)
    assert caught.value.help


@pytest.mark.parametrize(
    ("address", "device"),
    [
        ("microphone:default", "default"),
        ("microphone:", "default"),
        ("microphone:2", "2"),
        ("microphone:hw:1,0", "hw:1,0"),
        ("microphone:pci-0000:00:14.0-usb-0:2:1.0", "pci-0000:00:14.0-usb-0:2:1.0"),
    ],
)
def test_options_of_an_address(address: str, device: str) -> None:
    assert MicrophoneSource.from_address(address) == {"device": device}
