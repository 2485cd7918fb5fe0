"""An open microphone, which is watched: that it hears what it heard at first, and all of it."""

import time
from pathlib import Path
from typing import Any

from mgcld.errors import SourceError

from . import alsa, pulse
from .ear import Chunk
from .finder import BACK, Hold
from .inputs import Input
from .layout import Layout

KEPT_BYTES = 4 * 1024 * 1024
"""PulseAudio keeps so much for a listener who is late, and loses the rest."""
SAMPLE_BYTES = 4
FULL = 0.8
"""Share of that which is too near to it."""
SLIP_SECONDS = 0.5
"""The converter's time never leaps so far, unless sound was lost."""
LOOK_SECONDS = 1.0
"""How often the kernel is asked whether the card is still there."""


class Line:
    """A running stream, with what it hears."""

    def __init__(
        self, stream: Any, choice: Input, layout: Layout, hold: Hold, server: pulse.Server | None, root: Path
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
        # A card's own name may mean several of its inputs; what was chosen by an identity has one for itself.
        return self._choice.stable if self._choice.names else self.hold.name or self._choice.stable

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
            if not self.hold.card.is_still(alsa.cards(self._root).get(self.hold.card.number)):
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
        except pulse.ServerGone:
            return False
        return ours is not None and self.hold.source is not None and ours.source == self.hold.source.index
