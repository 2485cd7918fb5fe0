from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from mgcld_plugins.sources._mic import alsa, line
from mgcld_plugins.sources._mic.ear import Chunk
from mgcld_plugins.sources._mic.finder import Hold
from mgcld_plugins.sources._mic.inputs import Input, chosen, inputs
from mgcld_plugins.sources._mic.layout import Layout
from mgcld_plugins.sources._mic.line import Line
from mgcld_plugins.sources._mic.portaudio import Device
from mgcld_plugins.sources._mic.pulse import Source
from sound_cards import SoundCards

from mgcld.errors import SourceError

SNOWBALL = Input("1-2", Device(0, "Blue Snowball: USB Audio (hw:1,0)", "ALSA", 1, 48_000, False), 1, 48_000, False)
KITCHEN = Hold(source=Source(3, "kitchen", "Kitchen", ("mono",), 48_000, None))
SPEAKERS = Hold(source=Source(4, "speakers.monitor", "Monitor", ("mono",), 48_000, None, monitor=True))
CARD = Hold()


@dataclass
class Stream:
    """What of PortAudio's stream is asked for."""

    samplerate: float = 48_000.0
    latency: float = 0.2
    active: bool = True


def running(hold: Hold, root: Path = Path("/nowhere")) -> Line:
    return Line(Stream(), SNOWBALL, Layout(1, (1,)), hold, None, root)


def chunk(age: float, slip: float) -> Chunk:
    return Chunk(np.zeros((4800, 1), np.float32), 0, 0, 0, age, slip)


@pytest.mark.parametrize(
    ("hold", "age", "slip", "lost"),
    [
        (KITCHEN, 2.0, 0.0, False),  # a lump
        (KITCHEN, 10.0, 0.0, False),  # late, but all is there
        (KITCHEN, 20.0, 0.0, True),  # PulseAudio keeps 21.8 s of this format
        (KITCHEN, 0.1, 0.6, True),
        (KITCHEN, 0.1, -0.6, False),
        (CARD, 20.0, 0.0, False),
        (CARD, 0.1, 0.6, True),
        (SPEAKERS, 0.1, 0.6, False),
    ],
)
def test_sound_that_was_lost_on_its_way_is_noticed(hold: Hold, age: float, slip: float, lost: bool) -> None:
    assert running(hold).has_lost(chunk(age, slip)) is lost


def test_one_of_several_inputs_of_a_card_is_named_so_that_the_next_process_opens_the_same(tmp_path: Path) -> None:
    system = SoundCards(tmp_path / "root")
    system.plug(0, "PCH", "HDA Intel PCH")
    devices = [Device(n, f"HDA Intel PCH: Input {n} (hw:0,{n})", "ALSA", 2, 48_000, False) for n in (0, 2)]
    cards = alsa.cards(system.root)
    known = inputs(devices, cards, [], "")
    choice = chosen("Input 2", known)
    name = Line(Stream(), choice, Layout(2, (1, 2)), Hold(card=cards[0]), None, system.root).facts["device"]
    assert name == "PCH,2"
    assert chosen(name, known) is choice


def test_a_card_that_was_exchanged_is_noticed_while_portaudio_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LOOK_SECONDS", 0.0)
    system = SoundCards(tmp_path / "root")
    system.plug(1, "Mic", "Cheap Mic", "1-2", "1b3f:2008")
    open_line = running(Hold(card=alsa.cards(system.root)[1]), system.root)
    open_line.check()
    system.unplug(1)
    system.plug(1, "Mic", "Cheap Mic", "1-3", "1b3f:2008")  # a twin, in the next port
    with pytest.raises(SourceError, match="has gone") as caught:
        open_line.check()
    assert caught.value.reason == "absent"
