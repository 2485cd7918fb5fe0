import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from children import Child
from conftest import PulseAudio
from mgcld_plugins.sources.microphone import MicrophoneSource
from sound_cards import SoundCards
from tones import tone

from mgcld.errors import ConfigError

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
    told: list[Told] = [json.loads(child.line())]
    while not enough(told[-1]):
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
@pytest.mark.parametrize("wish", ["kitchen", "default", "pulse"])
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


@pytest.fixture
def cards(tmp_path: Path) -> SoundCards:
    return SoundCards(tmp_path / "root")


SNOWBALL = ("Snowball", "Blue Snowball", "1-2", "0d8c:0005", "201603", "usb-BLUE_Snowball_201603-00")
WEBCAM = ("Webcam", "Webcam", "1-3", "046d:0825", "77", "usb-Webcam_77-00")


@real
@pytest.mark.parametrize("wish", ["Snowball", "usb-BLUE_Snowball_201603-00", "1-2"])
def test_a_card_returns_under_another_number_while_another_has_taken_its_own(
    wish: str, pulseaudio: PulseAudio, cards: SoundCards
) -> None:
    pulseaudio.whistle("kitchen", 1500)
    pulseaudio.whistle("hall", 3000)
    cards.plug(1, *SNOWBALL)
    pulseaudio.name_in_alsa(**{"Snowball(hw:1,0)": "kitchen"})
    with listening(pulseaudio, "follow", wish, root=cards.root) as child:
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
