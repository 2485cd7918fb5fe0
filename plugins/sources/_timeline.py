"""Where each frame of a stream or a recording stands on the sample axis, told by its time stamp."""

JITTER_SECONDS = 0.1
"""What the time stamps of a sender with an unsteady clock may be off."""
RESET_SECONDS = 60.0
"""A leap forward by more than this is a new start of the sender's clock: the read timeout is far shorter."""


class Timeline:
    """Counts samples, and lost samples too.

    Most senders stamp each frame with its exact sample index (RFC 3550 says so), so a stamp that is ahead by more than
    half a frame means loss. Stamps that fall back cannot come from loss: such a sender stamps by an unsteady clock, and
    from then on only more than `JITTER_SECONDS` counts. Without this, its jitter would break every window.
    """

    def __init__(self, sample_rate: int, *, restarts: bool = True) -> None:
        """`restarts`: whether the clock may start anew, which is a new epoch; a recording just goes on."""
        self.sample_rate = sample_rate
        self._restarts = restarts
        self._origin: int | None = None
        self._next = 0
        self._unsteady = False
        self.epoch = 0

    def place(self, stamp: int | None, samples: int, *, broken: bool = False) -> int:
        """The index of a frame's first sample in the present `epoch`; stamp: its time stamp, in samples.

        `broken`: something was lost before it, and no stamp tells how much.
        """
        if broken and stamp is None and self._next:
            self.epoch, self._next = self.epoch + 1, 0
        if stamp is not None:
            if self._origin is None:
                self._origin = stamp
            self._follow(stamp, stamp - self._origin - self._next, samples)
        first, self._next = self._next, self._next + samples
        return first

    def _follow(self, stamp: int, ahead: int, samples: int) -> None:
        jitter = int(JITTER_SECONDS * self.sample_rate)
        tolerance = max(jitter, samples) if self._unsteady else samples // 2
        leaps = ahead > RESET_SECONDS * self.sample_rate or ahead < -max(10 * jitter, 2 * samples)
        if leaps and self._restarts:
            self.epoch, self._origin, self._next = self.epoch + 1, stamp, 0
        elif ahead > tolerance:
            self._next += ahead
        elif ahead < -tolerance:
            # FFmpeg gives the first two frames the same stamp when the sender begins at 0.
            self._unsteady = self._unsteady or self._next > samples
            self._origin = stamp - self._next
