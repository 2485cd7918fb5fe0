"""An open microphone. What it truly hears is looked up after the opening, and looked after from then on."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgcld.errors import SourceError

from . import _alsa, _portaudio, _pulse
from ._ear import Chunk
from ._finder import BACK, Finder, Hold
from ._inputs import Input
from ._layout import Layout, layouts
from ._portaudio import Order

KEPT_BYTES = 4 * 1024 * 1024
"""PulseAudio keeps so much for a listener who is late, and loses the rest."""
SAMPLE_BYTES = 4
FULL = 0.8
"""Share of that which is too near to it."""
SLIP_SECONDS = 0.5
"""The converter's time never leaps so far, unless sound was lost."""
LOOK_SECONDS = 1.0
"""How often the kernel is asked whether the card is still there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a microphone is to be opened, as its options say."""

    channels: int | None
    named: tuple[int, ...]
    """Channels to hear, from 1; empty means all that are opened."""
    sample_rate: int | None
    block_seconds: float


class Line:
    """A running stream, with what it hears."""

    def __init__(
        self, stream: Any, choice: Input, layout: Layout, hold: Hold, server: _pulse.Server | None, root: Path
    ) -> None:
        self.layout = layout
        self.sample_rate = round(stream.samplerate)
        """Hertz."""
        self.latency = float(stream.latency)
        """Of the device, as PortAudio believes (seconds)."""
        self.hold = hold
        self.narrowed = False
        """The wish might have meant another device another day; from now on it means this one."""
        self._stream = stream
        self._choice = choice
        self._server = server
        self._root = root
        self._looked = time.monotonic()

    @property
    def converter(self) -> bool:
        """It has one, whose time can be believed."""
        return self.hold.source is None or not self.hold.source.monitor

    @property
    def name(self) -> str:
        """What to write into a configuration to mean just this one."""
        return self.hold.name or self._choice.stable

    @property
    def facts(self) -> dict[str, Any]:
        """What is open, as JSON."""
        return {
            **self._choice.facts,
            "device": self.name,
            "sample_rate": self.sample_rate,
            "channels": self.layout.opened,
            "mix": list(self.layout.heard),
            "latency_seconds": round(self.latency, 4),
        }

    def check(self) -> None:
        """See that it still hears what it heard at first.

        Raises:
            SourceError: absent: that has gone, or the sound server has given the stream something else to hear.
        """
        if self.hold.source is not None and not self._same_source():
            raise SourceError(f"microphone {self.hold.name} has gone", reason="absent", help=BACK)
        if self.hold.card is not None and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            if not self.hold.card.is_still(_alsa.cards(self._root).get(self.hold.card.number)):
                raise SourceError(f"microphone {self.hold.name} has gone", reason="absent", help=BACK)

    def has_lost(self, chunk: Chunk) -> bool:
        """Whether the sound server has lost sound on its way to us, or is about to; it does not say where."""
        kept_seconds = KEPT_BYTES / (SAMPLE_BYTES * self.layout.opened * self.sample_rate)
        late = self.hold.source is not None and chunk.age_seconds > FULL * kept_seconds
        return self.converter and (late or chunk.slip_seconds > SLIP_SECONDS)

    @property
    def active(self) -> bool:
        """Whether PortAudio still runs it."""
        return bool(self._stream.active)

    def _same_source(self) -> bool:
        try:
            ours = self._server.listeners().get(self.hold.stream) if self._server else None
        except _pulse.ServerGone:
            return False
        return ours is not None and self.hold.source is not None and ours.source == self.hold.source.index


@contextlib.contextmanager
def opened(finder: Finder, wanted: Wanted, root: Path, callback: Callable[..., None]) -> Iterator[Line]:
    """Find the microphone, open it, and see that it is the one.

    Raises:
        SourceError: it is absent, in use, or does not take what is wanted.
    """
    with contextlib.ExitStack() as stack:
        with _portaudio.lock:
            line = _opened(finder, wanted, root, callback, stack)
        yield line


def _opened(
    finder: Finder, wanted: Wanted, root: Path, callback: Callable[..., None], stack: contextlib.ExitStack
) -> Line:
    server = _pulse.server()
    if server:
        stack.callback(server.close)
    try:
        choice = finder.find(server)
        for layout in layouts(choice.channels, wanted.channels, wanted.named, by_server=choice.source is not None):
            trial = contextlib.ExitStack()
            with trial:
                before = set(server.listeners()) if server else set()
                stream = trial.enter_context(_portaudio.opened(_order(choice, layout, wanted), callback))
                hold = _hold(server, before, choice, root)
                _see_that_it_is(choice, hold, sure=choice.is_source or finder.pinned)
                if hold.channels_true or layout.downmix:
                    stack.push(trial.pop_all())
                    line = Line(stream, choice, layout, hold, server, root)
                    line.narrowed = finder.fix(choice, hold)
                    return line
    except _pulse.ServerGone as error:
        raise SourceError("the sound server does not answer", reason="absent", help=BACK) from error
    hint = "name the card itself instead of the sound server's source, or leave out `mix` and `channels`"
    raise SourceError(f"the sound server mixes the channels of {choice.stable}", reason="codec", help=hint)


def _order(choice: Input, layout: Layout, wanted: Wanted) -> Order:
    wishes = (wanted.sample_rate,) if wanted.sample_rate else (choice.sample_rate, *_portaudio.RATES)
    rate = _portaudio.rate_of(choice.device, layout.opened, wishes)
    if rate is None:
        raise _wrong_rate(choice, layout, wanted)
    source = choice.source.name if choice.source else None
    return Order(choice.device, layout.opened, rate, wanted.block_seconds, source)


def _wrong_rate(choice: Input, layout: Layout, wanted: Wanted) -> SourceError:
    rates = ", ".join(map(str, _portaudio.rates_of(choice.device)))
    asked = f"{wanted.sample_rate} Hz" if wanted.sample_rate else f"{layout.opened} channels at any rate"
    hint = f"leave out `sample_rate` and `channels`; rates that it takes: {rates}"
    return SourceError(f"microphone {choice.stable} does not take {asked}", reason="codec", help=hint)


def _hold(server: _pulse.Server | None, before: set[int], choice: Input, root: Path) -> Hold:
    """What the stream that has just been opened hears."""
    numbers = _alsa.hardware(choice.device.name)
    listeners = server.listeners() if server and not numbers else {}
    new = [index for index in listeners if index not in before]
    if server and new:
        listener = listeners[new[0]]
        source = next((each for each in server.sources() if each.index == listener.source), None)
        true = source is not None and listener.channels == source.channels
        return Hold(source=source, stream=new[0], channels_true=true)
    holders = {numbers[0]} if numbers else _alsa.held_by(root, {os.getpid(), threading.get_native_id()})
    return Hold(card=_alsa.cards(root).get(holders.pop()) if len(holders) == 1 else None)


def _see_that_it_is(choice: Input, hold: Hold, *, sure: bool) -> None:
    expected = choice.card and choice.card.stable
    same = not choice.card or choice.card.is_still(hold.card)
    if choice.source and sure:
        expected = choice.source.name
        same = hold.source is not None and hold.source.name == choice.source.name
    if not same:
        message = f"{hold.name or 'something else'} answered in the place of {expected}"
        raise SourceError(message, reason="absent", help=BACK)
