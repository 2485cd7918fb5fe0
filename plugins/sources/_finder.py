"""Finds a microphone at each opening: the one that is wished for, and always the one that it was before."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mgcld.errors import SourceError

from . import _alsa, _inputs, _portaudio, _pulse
from ._inputs import Input

RESCAN_SECONDS = 10.0
"""While nothing changes that can be seen cheaply, PortAudio looks for devices only so often."""
SETTLE_SECONDS = 5.0
"""So long after a change it looks at every try: a device may be announced before it can be opened."""
BACK = "it is opened when it is back; to listen to another, name that in the configuration"


@dataclass(frozen=True, slots=True)
class Hold:
    """What an open stream hears: a card, or a source of the sound server, or neither is known."""

    card: _alsa.Card | None = None
    source: _pulse.Source | None = None
    stream: int = -1
    """The sound server's index of our stream."""
    channels_true: bool = True
    """Each channel of the stream is the source's, not a mixture."""

    @property
    def name(self) -> str:
        """What to write into a configuration to mean just this; empty where nobody knows."""
        return self.source.name if self.source else self.card.stable if self.card else ""


class Finder:
    """Remembers what was opened first, and from then on finds only that."""

    def __init__(self, wish: str, root: Path) -> None:
        """`root`: where proc, sys and dev are, `/` but in tests."""
        self._wish = wish
        self._root = root
        self._pin: tuple[Input, Hold] | None = None
        self._missed: SourceError | None = None
        self._seen: object = None
        self._changed = self._scanned = -RESCAN_SECONDS

    @property
    def pinned(self) -> bool:
        """A wish that might mean another device some day has been fixed to the one that it meant."""
        return self._pin is not None

    def find(self, server: _pulse.Server | None) -> Input:
        """What to open now.

        Raises:
            SourceError: absent.
            ServerGone: the sound server ended meanwhile.
        """
        sources = server.sources() if server else []
        default = os.environ.get("PULSE_SOURCE") or (server.default() if server else "")
        worth_it = self._worth_a_scan((_alsa.listing(self._root), [each.name for each in sources], default))
        if self._missed and not worth_it:
            raise SourceError(str(self._missed), reason=self._missed.reason, help=self._missed.help)
        self._scanned = time.monotonic()
        _portaudio.rescan(_alsa.listing(self._root))
        try:
            known = _inputs.inputs(_portaudio.devices(), _alsa.cards(self._root), sources, default)
            choice = self._again(*self._pin, known, sources) if self._pin else _inputs.chosen(self._wish, known)
        except SourceError as error:
            self._missed = error
            raise
        self._missed = None
        return choice

    def fix(self, choice: Input, hold: Hold) -> bool:
        """It has been opened, and hears this. True where the wish is from now on narrower than it was written."""
        if self._pin is not None or _inputs.is_identity(self._wish, choice):
            return False
        self._pin = choice, hold
        return True

    def _worth_a_scan(self, seen: object) -> bool:
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._changed = seen, now
        return now - self._changed < SETTLE_SECONDS or now - self._scanned >= RESCAN_SECONDS

    def _again(self, first: Input, hold: Hold, known: Sequence[Input], sources: Sequence[_pulse.Source]) -> Input:
        if first.card:
            return _inputs.chosen(first.stable, known)
        ways = [each for each in known if each.device.name == first.device.name and not each.is_source]
        source = next((each for each in sources if hold.source and each.name == hold.source.name), None)
        if not ways or (hold.source and not source):
            was = hold.name or first.device.name
            raise SourceError(f"{self._wish!r} is {was}, which is not there", reason="absent", help=BACK)
        if source is None:
            return replace(ways[0], card=hold.card)
        return replace(ways[0], source=source, channels=len(source.channels), sample_rate=source.sample_rate)
