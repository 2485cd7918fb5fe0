import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from children import Child
from conftest import PulseAudio
from mgcld_plugins.sources._portaudio import Device, chosen
from mgcld_plugins.sources.microphone import MicrophoneSource

from mgcld.errors import SourceError

LISTEN = Path(__file__).parent / "listen.py"
REAL = [pytest.mark.system("portaudio"), pytest.mark.system("pulseaudio")]

BUILT_IN = Device(0, "HDA Intel: ALC257 (hw:0,0)", "ALSA", 2, 48_000, False)
USB = Device(3, "USB Audio: Mic A (hw:1,0)", "ALSA", 1, 44_100, True)
USB_TOO = Device(4, "USB Audio: Mic AB (hw:2,0)", "ALSA", 1, 44_100, False)
KNOWN = [BUILT_IN, USB, USB_TOO]


def real(test: Callable[..., None]) -> Callable[..., None]:
    for mark in REAL:
        test = mark(test)
    return test


def until(child: Child, enough: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """What the child tells, up to what is enough."""
    told: list[dict[str, Any]] = [json.loads(child.line())]
    while not enough(told[-1]):
        told.append(json.loads(child.line()))
    return told


@real
def test_a_tone_is_heard_at_its_frequency_and_level(pulseaudio: PulseAudio) -> None:
    with Child(LISTEN, "default", "30", environment=pulseaudio.environment) as child:
        told = until(child, lambda line: line.get("first_sample", 0) >= 16_000)
    assert [line["state"] for line in told if "state" in line] == ["connecting", "live"]
    *_, window = told
    assert window["frequency"] == pytest.approx(1000, abs=2)
    assert window["level"] == pytest.approx(-11.53, abs=0.3)  # the mean of 0.5 and 0.25
    assert (window["gap_samples"], window["epoch"]) == (0, 0)
    assert window["clock"] in ("adc", "arrival")
    assert -1 < window["late_seconds"] < 3


@real
def test_a_device_that_vanishes_and_returns_resumes_as_a_new_epoch(pulseaudio: PulseAudio) -> None:
    with Child(LISTEN, "default", "60", environment=pulseaudio.environment) as child:
        until(child, lambda line: "first_sample" in line)
        pulseaudio.kill()
        *_, lost = until(child, lambda line: line.get("state") == "lost")
        assert lost["reason"] in ("ended", "timeout")
        *_, absent = until(child, lambda line: line.get("state") == "absent")
        assert absent["reason"] == "absent"
        pulseaudio.start()
        told = until(child, lambda line: line.get("first_sample", 0) > 0 and line["epoch"] == 1)
    first, second = (line for line in told if line.get("epoch") == 1)
    assert (first["first_sample"], first["gap_samples"]) == (0, None)
    assert second["frequency"] == pytest.approx(1000, abs=2)


@real
def test_what_nobody_takes_in_time_is_a_gap_of_its_size(pulseaudio: PulseAudio) -> None:
    with Child(LISTEN, "default", "0", "5", "1.0", environment=pulseaudio.environment) as child:
        blocks = [json.loads(child.line()) for _ in range(40)]
        assert child.wait() == 0
    assert {(rate, epoch) for _, _, rate, epoch in blocks} == {(44_100, 0)}
    steps = [after[0] - before[0] - before[1] for before, after in itertools.pairwise(blocks)]
    (gap,) = [step for step in steps if step]
    assert 0.3 * 44_100 < gap < 5 * 44_100
    assert gap % blocks[0][1] == 0


@real
def test_a_device_that_is_not_there_is_absent(pulseaudio: PulseAudio) -> None:
    code = f"import sys; sys.argv = ['', 'Theremin', '0', '1', '0']; exec(open({str(LISTEN)!r}).read())"
    environment = pulseaudio.environment | {"PYTHONPATH": str(LISTEN.parent)}
    with Child(code, environment=environment) as child:
        told = json.loads(child.line())
    assert told["reason"] == "absent"
    assert "Theremin" in told["error"]
    assert "default" in told["error"]
    assert told["help"]


@real
def test_the_devices_are_listed(pulseaudio: PulseAudio) -> None:
    code = (
        "import dataclasses, json\nfrom mgcld_plugins.sources.microphone import MicrophoneSource\n"
        "print(json.dumps([dataclasses.asdict(device) for device in MicrophoneSource.devices()]))"
    )
    with Child(code, environment=pulseaudio.environment) as child:
        devices = [Device(**device) for device in json.loads(child.line())]
    (default,) = [device for device in devices if device.is_default]
    assert (default.name, default.host_api) == ("default", "ALSA")
    assert default.channels >= 2
    assert default.sample_rate > 0


def test_without_portaudio_the_error_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    code = (
        "from mgcld.errors import SourceError\nfrom mgcld_plugins.sources.microphone import MicrophoneSource\n"
        "for call in (MicrophoneSource.devices, lambda: next(MicrophoneSource().blocks())):\n"
        "    try: call()\n"
        "    except SourceError as error: print(error.reason, error.help)"
    )
    with Child(code, environment={**os.environ, "PYTHONPATH": str(tmp_path)}) as child:
        for _ in range(2):
            assert child.line() == "absent install PortAudio (Debian, Ubuntu: apt install libportaudio2)"


@pytest.mark.parametrize(
    ("wish", "device"),
    [("default", USB), ("0", BUILT_IN), ("hda intel", BUILT_IN), ("Mic AB", USB_TOO), (USB.name, USB)],
)
def test_a_device_is_chosen_by_default_index_or_name(wish: str, device: Device) -> None:
    assert chosen(wish, KNOWN) is device


@pytest.mark.parametrize("wish", ["7", "Theremin", "USB", "Mic A"])
def test_another_device_is_never_opened_instead(wish: str) -> None:
    with pytest.raises(SourceError) as caught:
        chosen(wish, KNOWN)
    assert caught.value.reason == "absent"
    assert USB.name in str(caught.value)
    assert caught.value.help


def test_without_a_default_input_there_is_no_default() -> None:
    with pytest.raises(SourceError, match="there are: none"):
        chosen("default", [])
    with pytest.raises(SourceError, match="HDA Intel"):
        chosen("default", [BUILT_IN])


@pytest.mark.parametrize(
    ("address", "device"),
    [
        ("microphone:default", "default"),
        ("microphone:", "default"),
        ("microphone:2", "2"),
        ("microphone:hw:1,0", "hw:1,0"),
    ],
)
def test_options_of_an_address(address: str, device: str) -> None:
    assert MicrophoneSource.from_address(address) == {"device": device}
