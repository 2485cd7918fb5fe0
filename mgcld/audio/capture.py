"""One thread a source: it listens, cuts windows, puts them into the inbox, and comes back after every fault."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from mgcld.audio.backoff import Backoff
from mgcld.audio.closing import broken, closing
from mgcld.audio.drain import Drain
from mgcld.audio.health import Health
from mgcld.audio.inbox import Inbox
from mgcld.audio.limit import Limit, LimitedLog
from mgcld.audio.pipeline import Pipeline
from mgcld.audio.remote import RemoteSource, is_starting
from mgcld.audio.spool import Spool
from mgcld.audio.watch import STALL_SECONDS, watch
from mgcld.audio.windows import exact
from mgcld.data import AudioBlock, SourceStatus, State, Window
from mgcld.errors import Reason, SourceError
from mgcld.interfaces import Describing, Openable, Patient

logger = logging.getLogger(__name__)

PROOF_SECONDS = 30.0
"""After so much sound, in no less time, in one opening the source has proved itself: the back-off starts anew."""
STEP_SECONDS = 1.0
"""While it waits to open a source again the thread looks up so often."""
LINGER_SECONDS = 0.05
"""A spool that is left for another capture looks so often whether its windows have gone out."""
LINES, LINES_SECONDS = 4, 900.0
"""A source that comes and goes writes at most so many lines of its losses into the log in so many seconds."""

LATE_WINDOWS, LATE_SECONDS = 2, 10.0
"""A live source's window that waited for the time of so many, and no less than so many seconds, is late."""

STATES: dict[Reason, State] = {"absent": "absent", "timeout": "stalled", "slow": "stalled"}
"""What a source is between two openings, by why it is not live; for any other reason it is `lost`."""


class Capture:
    """Runs a source in a thread of its own until it ends or `stop` is called.

    A live source that ends, fails, stalls or trickles is opened again, each time as a new epoch. The thread is a
    daemon: one that hangs in a driver does not keep the process from leaving.

    With a spool a second thread makes the windows, in order and without dropping any, of what the first one keeps.
    """

    def __init__(
        self,
        name: str,
        source: Openable,
        *,
        sample_rate: int,
        window_seconds: float,
        hop_seconds: float,
        inbox: Inbox,
        on_status: Callable[[SourceStatus], None] = lambda _: None,
        stall_seconds: float = STALL_SECONDS,
        spool: Spool | None = None,
        last_epoch: int = -1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_status` is called at every change of the state, in the source's thread.

        A live source without sound for `stall_seconds` is opened again. The spool becomes the capture's own.
        last_epoch: of a capture of this name that was here before: epochs are counted on from there.
        clock: what outages are measured by (seconds).

        Raises:
            ConfigError: the window or the hop is no whole number of samples.
        """
        self._name = name
        self._source = source
        self._inbox = inbox
        self._pipeline = Pipeline(name, sample_rate=sample_rate, window_seconds=window_seconds, hop_seconds=hop_seconds)
        self._health = Health(
            name,
            live=source.live,
            longest_seconds=max(window_seconds, hop_seconds),
            on_status=on_status,
            drops=lambda: inbox.dropped(name),
            spool=self._spooled if spool is not None else None,
            clock=clock,
        )
        self._clock = clock
        self._backoff = Backoff(clock=clock)
        self._stall_seconds = max(stall_seconds, source.patience_seconds if isinstance(source, Patient) else 0.0)
        self._log = LimitedLog(logger, name, Limit(LINES, LINES_SECONDS))
        self._said_lost = True
        self._late_seconds = max(LATE_WINDOWS * window_seconds, LATE_SECONDS) if source.live else math.inf
        self._stop = threading.Event()
        self._at_once = threading.Event()
        self._drain = None if spool is None else self._drained(spool, exact(hop_seconds, sample_rate))
        self._epoch = max(last_epoch, self._drain.last_epoch if self._drain is not None else -1)
        self._threads = [threading.Thread(target=self._run, args=[self._live], name=f"capture-{name}", daemon=True)]
        if self._drain is not None:
            work = [self._drain.run]
            self._threads += [threading.Thread(target=self._run, args=work, name=f"drain-{name}", daemon=True)]

    @property
    def status(self) -> SourceStatus:
        """How the source is doing now; from any thread."""
        return self._health.status

    @property
    def last_epoch(self) -> int:
        """The newest that it has begun; a capture in its place counts on from there."""
        return self._epoch + self._pipeline.rates

    def start(self) -> None:
        """Begin to listen; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask the threads to end; returns at once."""
        self._stop.set()
        self._at_once.set()

    def leave(self) -> None:
        """Ask the threads to end, for another capture of this name; returns at once.

        Windows that wait in the inbox are still heard: a spool is let go only when it has noted that they were.
        """
        self._stop.set()

    @property
    def keeps_spool(self) -> bool:
        """No other can have its spool yet."""
        return self._drain is not None and self._threads[-1].is_alive()

    def join(self, timeout: float) -> bool:
        """Wait for the threads, at most `timeout` seconds; True when they have ended (or never started)."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _drained(self, spool: Spool, hop_samples: int) -> Drain:
        drain = Drain(
            self._name,
            spool,
            hop_samples=hop_samples,
            cut=self._cut,
            flush=lambda: self._pipeline.flush(partial=False),
            send=self._send,
            stop=self._stop,
            linger=self._linger,
        )
        self._inbox.call(self._name, drain.sent)
        return drain

    def _linger(self) -> None:
        while self._inbox.holds(self._name) and not self._at_once.wait(LINGER_SECONDS):
            pass

    def _spooled(self) -> tuple[float, float]:
        assert self._drain is not None
        return self._drain.backlog_seconds, self._drain.lost_seconds

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            # Whatever it is, the source must not look alive when nobody listens to it any more.
            self._stop.set()
            logger.exception("%s: its thread broke", self._name)
            self._health.turn("failed", error=SourceError(f"{type(error).__name__}", help="a bug: see the log"))
        finally:
            if isinstance(self._source, RemoteSource) and work == self._live:
                self._source.close()

    def _live(self) -> None:
        self._health.begin()
        began, fault = self._clock(), self._listen()
        while self._source.live and not self._stop.is_set():
            fault = fault or SourceError("the sound ended", reason="ended", help="the other side closed it")
            self._wait(fault, took=self._clock() - began)
            if self._stop.is_set():
                break
            self._health.reopened()
            self._health.turn("connecting")
            began, fault = self._clock(), self._listen()
        self._finish(fault)

    def _finish(self, fault: SourceError | None) -> None:
        if self._stop.is_set():
            logger.info("%s: stopped", self._name)
        elif fault is not None:
            logger.error("%s: failed: %s", self._name, fault)
            self._health.turn("failed", error=fault)
        else:
            logger.info("%s: ended", self._name)
            self._health.turn("ended")

    def _wait(self, fault: SourceError, took: float) -> None:
        seconds = self._backoff.next(fault.reason, took)
        self._said_lost = self._log.say(logging.WARNING, f"{fault}; again in {seconds:.1f} s") or self._said_lost
        self._health.turn(STATES.get(fault.reason, "lost"), error=fault, retry_in=seconds)
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0 and not self._stop.wait(min(left, STEP_SECONDS)):
            self._health.look()

    def _listen(self) -> SourceError | None:
        """One opening: None when it ended by itself or was stopped, else why it broke off."""
        fault = None
        try:
            with closing(self._source.blocks()) as blocks:
                self._hear(blocks)
        except SourceError as error:
            fault = error
        except Exception as error:
            # A fault in one source's code must not silence the others: keep the traceback, and try again.
            logger.exception("%s: the source broke", self._name)
            fault = broken(error)
        if self._drain is not None:
            self._drain.end_opening()
        elif not self._stop.is_set():
            self._send(self._pipeline.flush(partial=fault is None and not self._source.live))
        return fault

    def _hear(self, blocks: Iterator[AudioBlock]) -> None:
        watcher = watch(self._backoff.short, self._stall_seconds, self._clock)
        began, seconds, epoch = self._clock(), 0.0, None
        for block in blocks:
            if self._stop.is_set():
                return
            if len(block.samples):
                if epoch is None:
                    self._opened(block)
                if block.epoch != epoch:
                    epoch, self._epoch = block.epoch, self._epoch + 1
                seconds += len(block.samples) / block.sample_rate
                watcher.heard(len(block.samples) / block.sample_rate)
                self._health.heard(block)
                self._keep(replace(block, epoch=self._epoch))
            if isinstance(self._source, Describing):
                self._health.opened(self._source.facts)
            if self._source.live and not is_starting(self._source):
                watcher.check()
            self._health.look()
            if min(seconds, self._clock() - began) >= PROOF_SECONDS:
                self._backoff.reset()

    def _keep(self, block: AudioBlock) -> None:
        if self._drain is not None:
            self._drain.keep(self._pipeline.timed(block))
        else:
            self._send(self._cut(self._pipeline.timed(block)))

    def _cut(self, block: AudioBlock) -> list[Window]:
        self._health.cutting(block)
        return self._pipeline.cut(block)

    def _opened(self, block: AudioBlock) -> None:
        if self._said_lost:  # the log's last word must not be that it is lost
            logger.info("%s: live, %d Hz, clock %s", self._name, block.sample_rate, block.clock)
        self._said_lost = False
        self._health.turn("live")

    def _send(self, windows: list[Window]) -> None:
        for window in windows:
            self._health.cut(window, gaps=self._pipeline.gaps, gap_seconds=self._pipeline.lost_seconds)
            if "clock_step" in window.flags:
                self._log.say(logging.WARNING, "this machine's clock was set: the times of its windows step with it")
            ready = window if window.ready_ns else replace(window, ready_ns=time.monotonic_ns())
            wait = self._drain is not None or not self._source.live
            if not self._inbox.put(ready, wait=wait, stop=self._stop, late_seconds=self._late_seconds):
                return  # nor any behind it: a spool would take this one for heard


def windows_of(
    source: Openable, *, name: str, sample_rate: int, window_seconds: float, hop_seconds: float
) -> Iterator[Window]:
    """The windows of a source without a thread or an inbox, its partial tail included: for training and for files.

    Raises:
        ConfigError: the window or the hop is no whole number of samples.
        SourceError: the source cannot be opened or read.
    """
    pipeline = Pipeline(name, sample_rate=sample_rate, window_seconds=window_seconds, hop_seconds=hop_seconds)
    with closing(source.blocks()) as blocks:
        for block in blocks:
            yield from pipeline.push(block)
    yield from pipeline.flush(partial=True)
