"""The loop's one step: take windows → hear → judge → decide → send."""

import logging
import math
import time
from collections.abc import Sequence

import numpy as np

from mgcld.audio.inbox import Inbox
from mgcld.audio.limit import Limit, LimitedLog
from mgcld.audio.windows import made_window
from mgcld.data import Event, Features, Window
from mgcld.events.decider import Decider
from mgcld.service import wire
from mgcld.service.outlet import Outlet
from mgcld.service.pace import Pace
from mgcld.service.served import Served

logger = logging.getLogger(__name__)

LINES, LINES_SECONDS = 3, 900.0
LONGEST_TURN_SECONDS = 5.0
"""A backlog is worked off in batches that take no longer: the loop has other duties, and feeds a watchdog."""


class Engine:
    """Turns what waits in the inbox into messages, in batches as large as what waits allows."""

    def __init__(self, served: Served, inbox: Inbox, outlet: Outlet, decider: Decider, *, max_batch: int) -> None:
        self.served = served
        """The model, as one whole."""
        self.inbox = inbox
        self.pace = Pace()
        self.decider = decider
        self.open_events: Sequence[Event] = ()
        """As of the last turn; to be read from any thread."""
        self._outlet = outlet
        self._max_batch = max_batch
        self._most = max_batch  # windows in a turn, as far as there is time for them
        self._sent: list[Window] = []  # and not acknowledged
        self._log = LimitedLog(logger, "inference", Limit(LINES, LINES_SECONDS))
        self._noise: tuple[Features, list[Window]] | None = None

    def warm_up(self) -> None:
        """Go through the whole model, so that the first real window does not pay for what libraries set up.

        Twice: the second time tells how long a caption takes.
        """
        recogniser = self.served.recogniser
        windows = [faint_noise(recogniser.sample_rate, recogniser.window_seconds)]
        for _ in range(2):
            began = time.monotonic()
            features = recogniser.hear(windows)
            recogniser.judge(features, windows)
            self._took(1, time.monotonic() - began)
        self._noise = features, windows

    def try_out(self, served: Served) -> None:
        """Have another model judge, and caption, what the one in service has heard at its warm-up, in any thread.

        Whatever it raises, it must not serve.
        """
        if self._noise is not None:
            served.recogniser.try_out(*self._noise, before=self.served.recogniser)

    def use(self, served: Served) -> None:
        """Judge by another model from the next window on. For the loop's thread, between two turns."""
        self.served = served

    @property
    def skipped_captions(self) -> int:
        """Windows that got no caption of their own because there was no time, so far."""
        return self.served.recogniser.skipped_captions

    def turn(self, timeout: float) -> int:
        """One step; waits at most `timeout` seconds for a window and says how many went out."""
        windows = self.inbox.take(self._batch_size(), timeout)
        if not windows:
            self.acknowledge()
            return 0
        recogniser, adapter = self.served.recogniser, self.served.meta.adapter
        taken_ns = time.monotonic_ns()
        features = recogniser.hear(windows)
        heard_ns = time.monotonic_ns()
        predictions = recogniser.judge(features, windows)
        done_ns = time.monotonic_ns()
        self.pace.worked(windows, (done_ns - taken_ns) / 1e9)
        self._took(len(windows), (done_ns - taken_ns) / 1e9)
        self.acknowledge()
        stages = {"encode": (heard_ns - taken_ns) / 1e6, "adapt": (done_ns - heard_ns) / 1e6}
        for window, prediction in zip(windows, predictions, strict=True):
            if not math.isfinite(prediction.unknown + sum(prediction.p)):
                self.inbox.refuse(window)
                self._log.say(logging.ERROR, f"{window.source}: the model has no number for a window; it is dropped")
                continue
            latency_ms = {"queue": (taken_ns - window.ready_ns) / 1e6, **stages}
            self._outlet.hear(window)
            self._outlet.send(wire.prob(window, prediction, latency_ms=latency_ms, adapter=adapter))
            self._send(self.decider.judge(window, prediction))
        self._sent = windows
        self.open_events = self.decider.open
        return len(windows)

    def tell(self, events: Sequence[Event]) -> None:
        """Send what the decider has decided between two turns."""
        self._send(events)
        self.open_events = self.decider.open

    def forget(self, source: str) -> None:
        """A source is no more, and all its windows have gone out: nothing is kept of it."""
        self.tell(self.decider.over(source, "removed"))
        self.inbox.forget(source)
        self.served.recogniser.forget(source)

    def acknowledge(self) -> None:
        """Tell the inbox what has gone out: a turn later, when the publisher has passed it on and a kill loses none."""
        self.inbox.done(self._sent)
        self._sent = []

    def _send(self, events: Sequence[Event]) -> None:
        for event in events:
            logger.debug("%s: event: %s, %s", event.source, event.name, event.reason or event.phase)
            self._outlet.send(wire.event(event))

    def _batch_size(self) -> int:
        """What waits, but a power of two of it, and the rest the next time.

        Memory for a few sizes of batch is used again. With every size from 1 to 32 glibc held 110 MB more after a
        minute, and was no faster.
        """
        waiting = min(len(self.inbox), self._most)
        return 1 << waiting.bit_length() - 1 if waiting else self._most

    def _took(self, count: int, seconds: float) -> None:
        fitting = int(LONGEST_TURN_SECONDS * count / max(seconds, 1e-6))
        self._most = max(1, min(fitting, self._max_batch))


def faint_noise(sample_rate: int, window_seconds: float) -> Window:
    """A window to try a model with: not silent, so that nothing is skipped."""
    samples = np.random.default_rng(0).normal(0, 1e-3, round(sample_rate * window_seconds)).astype(np.float32)
    return made_window("", samples, sample_rate)
