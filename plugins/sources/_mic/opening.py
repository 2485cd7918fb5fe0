"""Finds a microphone and opens it; what the stream truly hears is looked up afterwards, before anybody hears it."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mgcld.errors import SourceError

from . import alsa, portaudio, pulse, running
from .finder import BACK, Finder, Hold
from .inputs import Input
from .layout import Layout, layouts
from .line import Line
from .running import Order


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a microphone is to be opened, as its options say."""

    channels: int | None
    named: tuple[int, ...]
    """Channels to hear, from 1; empty means all that are opened."""
    sample_rate: int | None
    block_seconds: float


@contextlib.contextmanager
def opened(finder: Finder, wanted: Wanted, root: Path, callback: Callable[..., None]) -> Iterator[Line]:
    """Find the microphone, open it, and see that it is the one.

    Raises:
        SourceError: it is absent, in use, or does not take what is wanted.
    """
    with contextlib.ExitStack() as stack:
        with portaudio.lock:
            line = _opened(finder, wanted, root, callback, stack)
        yield line


def _opened(
    finder: Finder, wanted: Wanted, root: Path, callback: Callable[..., None], stack: contextlib.ExitStack
) -> Line:
    server = pulse.server()
    if server:
        stack.callback(server.close)
    try:
        choice = finder.find(server)
        for layout in layouts(choice.channels, wanted.channels, wanted.named, by_server=choice.source is not None):
            trial = contextlib.ExitStack()
            with trial:
                before = set(server.listeners()) if server else set()
                stream = trial.enter_context(running.opened(_order(choice, layout, wanted), callback))
                hold = _hold(server, before, choice, root)
                _see_that_it_is(choice, hold, sure=choice.is_source or finder.pinned)
                if hold.channels_true or layout.downmix:
                    stack.push(trial.pop_all())
                    line = Line(stream, choice, layout, hold, server, root)
                    line.narrowed = finder.fix(choice, hold)
                    return line
    except pulse.ServerGone as error:
        raise SourceError("the sound server does not answer", reason="absent", help=BACK) from error
    hint = "name the card itself instead of the sound server's source, or leave out `mix` and `channels`"
    raise SourceError(f"the sound server mixes the channels of {choice.stable}", reason="codec", help=hint)


def _order(choice: Input, layout: Layout, wanted: Wanted) -> Order:
    wishes = (wanted.sample_rate,) if wanted.sample_rate else (choice.sample_rate, *portaudio.RATES)
    rate = portaudio.rate_of(choice.device, layout.opened, wishes)
    if rate is None:
        raise _wrong_rate(choice, layout, wanted)
    source = choice.source.name if choice.source else None
    return Order(choice.device, layout.opened, rate, wanted.block_seconds, source)


def _wrong_rate(choice: Input, layout: Layout, wanted: Wanted) -> SourceError:
    rates = ", ".join(map(str, portaudio.rates_of(choice.device)))
    asked = f"{wanted.sample_rate} Hz" if wanted.sample_rate else f"{layout.opened} channels at any rate"
    hint = f"leave out `sample_rate` and `channels`; rates that it takes: {rates}"
    return SourceError(f"microphone {choice.stable} does not take {asked}", reason="codec", help=hint)


def _hold(server: pulse.Server | None, before: set[int], choice: Input, root: Path) -> Hold:
    """What the stream that has just been opened hears."""
    numbers = alsa.hardware(choice.device.name)
    listeners = server.listeners() if server and not numbers else {}
    new = [index for index in listeners if index not in before]
    if server and new:
        listener = listeners[new[0]]
        source = next((each for each in server.sources() if each.index == listener.source), None)
        true = source is not None and listener.channels == source.channels
        return Hold(source=source, stream=new[0], channels_true=true)
    holders = {numbers[0]} if numbers else alsa.held_by(root, {os.getpid(), threading.get_native_id()})
    return Hold(card=alsa.cards(root).get(holders.pop()) if len(holders) == 1 else None)


def _see_that_it_is(choice: Input, hold: Hold, *, sure: bool) -> None:
    expected = choice.card and choice.card.stable
    same = not choice.card or choice.card.is_still(hold.card)
    if choice.source and sure:
        expected = choice.source.name
        same = hold.source is not None and hold.source.name == choice.source.name
    if not same:
        message = f"{hold.name or 'something else'} answered in the place of {expected}"
        raise SourceError(message, reason="absent", help=BACK)
