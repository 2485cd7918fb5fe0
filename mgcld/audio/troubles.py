"""What may be wrong with a source although it is live, in words for its status."""

from mgcld.data import NANOSECONDS, AudioBlock, Window

SILENT_SECONDS = 60
"""Digital silence for so long deserves a warning."""
BROKEN_WINDOWS = 3
"""So many windows could have been cut of the sound that came, and none was: there is a gap in each."""
SILENT = "all that comes is digital silence: is the microphone muted, or its channel not connected?"
BROKEN = "sound comes, but with so many gaps that no window fits between them: check the network, or take transport tcp"


class Troubles:
    """Follows a live source; `now` is what a person should be told, None while all is well."""

    def __init__(self, longest_seconds: float) -> None:
        """longest_seconds: of a window and of a hop, the longer."""
        self._limit = BROKEN_WINDOWS * longest_seconds
        self._uncut = 0.0  # seconds of sound since the last window
        self._silent_since_ns: int | None = None
        self._silent_seconds = 0.0

    @property
    def silent_since_ns(self) -> int | None:
        """Since when all that comes is digital silence."""
        return self._silent_since_ns

    @property
    def now(self) -> str | None:
        """A sentence for the status."""
        if self._uncut > self._limit:
            return BROKEN
        return SILENT if self._silent_seconds >= SILENT_SECONDS else None

    def heard(self, block: AudioBlock) -> None:
        """Sound has come."""
        self._uncut += len(block.samples) / block.sample_rate

    def cut(self, window: Window) -> None:
        """A window has been made of it."""
        self._uncut = 0.0
        if "silent" not in window.flags:
            self._silent_since_ns, self._silent_seconds = None, 0.0
            return
        if self._silent_since_ns is None:
            self._silent_since_ns = window.start_ns
        self._silent_seconds = (window.end_ns - self._silent_since_ns) / NANOSECONDS
