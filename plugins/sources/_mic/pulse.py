"""The sound server, PulseAudio or PipeWire in its place: its sources by name, and which of them a stream hears."""

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PATIENCE_SECONDS = 2.0
"""A server that takes longer for an answer hangs."""
DOORS = ("pulse", "pipewire", "default")
"""Devices of ALSA that lead to the sound server, the surest first."""


class ServerGone(Exception):
    """The sound server ended, or does not answer."""


@dataclass(frozen=True, slots=True)
class Source:
    """An input of the sound server."""

    index: int
    """The server's; it gives none twice."""
    name: str
    """The same after a reboot."""
    title: str
    """For people."""
    channels: tuple[str, ...]
    """What the server calls each of them, as `front-left`."""
    sample_rate: int
    """Hertz: its own."""
    card: int | None
    """The number of the card behind it."""
    monitor: bool = False
    """It gives what other programs play: no converter stamps that."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A stream of some program that hears a source."""

    source: int
    """The source's index."""
    channels: tuple[str, ...]
    """What the server calls each channel of the stream."""


class Server:
    """A connection to the sound server of this user; nothing waits for an answer longer than `PATIENCE_SECONDS`."""

    def __init__(self) -> None:
        """Connect.

        Raises:
            ServerGone: there is none.
        """
        self._library = _library()
        self._deadline = 0.0
        self._pulse = self._library.Pulse("mgcld", connect=False)
        self._pulse.set_poll_func(self._poll, lambda *_: None)
        try:
            with self._patience():
                self._pulse.connect()
        except ServerGone:
            self.close()
            raise

    def sources(self) -> list[Source]:
        """Every input that it has, monitors of what is played among them.

        Raises:
            ServerGone: it does not answer.
        """
        with self._patience():
            return [_source(found) for found in self._pulse.source_list()]

    def default(self) -> str:
        """The name of the source that it gives to those who wish for none; empty where it has none.

        Raises:
            ServerGone: it does not answer.
        """
        with self._patience():
            return str(self._pulse.server_info().default_source_name or "")

    def listeners(self) -> dict[int, Listener]:
        """The streams of this process, by their index.

        Raises:
            ServerGone: it does not answer.
        """
        with self._patience():
            found = self._pulse.source_output_list()
        us = str(os.getpid())
        ours = (stream for stream in found if stream.proplist.get("application.process.id") == us)
        return {stream.index: Listener(stream.source, tuple(stream.channel_list)) for stream in ours}

    def close(self) -> None:
        """Leave it."""
        self._pulse.close()

    @contextmanager
    def _patience(self) -> Iterator[None]:
        self._deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            yield
        except (self._library.PulseError, self._library.pulsectl.c.pa.CallError) as error:
            raise ServerGone from error
        if not self._pulse.connected:
            raise ServerGone

    def _poll(self, waiting: list[Any], seconds: float) -> int:
        left = max(0.0, self._deadline - time.monotonic())
        poll = select.poll()
        for each in waiting:
            poll.register(each.fd, each.events)
        events = dict(poll.poll(1000 * (left if seconds < 0 else min(left, seconds))))
        if not events and not left:
            raise TimeoutError
        for each in waiting:
            each.revents = events.get(each.fd, 0)
        return len(events)


def server() -> Server | None:
    """The sound server of this user, where one runs and its library is installed."""
    try:
        return Server()
    except (OSError, ServerGone):
        return None


def _source(found: Any) -> Source:
    card = found.proplist.get("alsa.card", "")
    return Source(
        index=found.index,
        name=found.name,
        title=found.description,
        channels=tuple(found.channel_list),
        sample_rate=found.mgcld_rate,
        card=int(card) if card.isdecimal() else None,
        monitor=bool(found.monitor_of_sink_name),
    )


def _library() -> Any:
    import pulsectl

    def keep_rate(info: Any, struct: Any) -> None:
        info.mgcld_rate = struct.sample_spec.rate

    # pulsectl keeps a reference to memory that libpulse frees before anybody can read the rate.
    pulsectl.PulseSourceInfo._init_from_struct = keep_rate
    return pulsectl
