"""Finds a microphone at each opening: the one that is wished for, and always the one that it was before."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mgcld.errors import SourceError

from . import alsa, inputs, portaudio, pulse
from .inputs import Input

RESCAN_SECONDS = 10.0
"""While nothing changes that can be seen cheaply, PortAudio looks for devices only so often."""
SETTLE_SECONDS = 5.0
"""So long after a change it looks at every try: a device may be announced before it can be opened."""
BACK = "it is opened when it is back; to listen to another, name that in the configuration"


@dataclass(frozen=True, slots=True)
class Hold:
    """What an open stream hears: a card, or a source of the sound server, or neither is known."""

    card: alsa.Card | None = None
    source: pulse.Source | None = None
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

    def find(self, server: pulse.Server | None) -> Input:
        """What to open now.

        Raises:
            SourceError: absent.
            ServerGone: the sound server ended meanwhile.
        """
        sources = server.sources() if server else []
        default = os.environ.get("PULSE_SOURCE") or (server.default() if server else "")
        worth_it = self._worth_a_scan((alsa.listing(self._root), [each.name for each in sources], default))
        if self._missed and not worth_it:
            raise SourceError(str(self._missed), reason=self._missed.reason, help=self._missed.help)
        self._scanned = time.monotonic()
        portaudio.rescan(alsa.listing(self._root))
        cards = alsa.cards(self._root)
        known = inputs.inputs(portaudio.devices(), cards, sources, default)
        self._missed = None
        try:
            if self._pin:
                return self._again(*self._pin, known, cards, sources)
            return inputs.chosen(self._wish, known)
        except SourceError as error:
            _see_that_none_is_held(self._pin[0].stable if self._pin else self._wish, known, cards, sources)
            self._missed = error
            raise

    def fix(self, choice: Input, hold: Hold) -> bool:
        """It has been opened, and hears this. True where the wish is from now on narrower than it was written."""
        if self._pin is not None or inputs.is_identity(self._wish, choice):
            return False
        self._pin = choice, hold
        return True

    def _worth_a_scan(self, seen: object) -> bool:
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._changed = seen, now
        return now - self._changed < SETTLE_SECONDS or now - self._scanned >= RESCAN_SECONDS

    def _again(
        self,
        first: Input,
        hold: Hold,
        known: Sequence[Input],
        cards: Mapping[int, alsa.Card],
        sources: Sequence[pulse.Source],
    ) -> Input:
        if first.card:
            return inputs.chosen(first.stable, known)
        ways = [each for each in known if each.device.name == first.device.name and not each.is_source]
        source = next((each for each in sources if hold.source and each.name == hold.source.name), None)
        card = next((each for each in cards.values() if hold.card and each.stable == hold.card.stable), None)
        if not ways or (hold.source and not source) or (hold.card and not card):
            was = hold.name or first.device.name
            raise SourceError(f"{self._wish!r} is {was}, which is not there", reason="absent", help=BACK)
        if source is None:
            return replace(ways[0], card=card)
        return replace(ways[0], source=source, channels=len(source.channels), sample_rate=source.sample_rate)


def _see_that_none_is_held(
    wish: str, known: Sequence[Input], cards: Mapping[int, alsa.Card], sources: Sequence[pulse.Source]
) -> None:
    """PortAudio does not list the inputs of a card that another program holds: it is not absent.

    Raises:
        SourceError: refused: that is so.
    """
    offered = {each.card.number for each in known if each.card}
    held = [card for card in cards.values() if inputs.is_called(wish, card.names) and card.number not in offered]
    if not held:
        return
    instead = [source.name for source in sources if source.card == held[0].number and not source.monitor]
    hint = (
        f"name the sound server's source: {instead[0]}"
        if instead
        else "end the program that holds it, if it has an input"
    )
    message = f"{held[0].stable} is there, but no input of it can be opened"
    raise SourceError(message, reason="refused", help=hint)
