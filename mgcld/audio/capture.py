"""One thread a source: it listens, cuts windows, puts them into the inbox, and comes back after every fault."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from mgcld.audio.backoff import Backoff
from mgcld.audio.health import Health
from mgcld.audio.inbox import Inbox
from mgcld.audio.pipeline import Pipeline
from mgcld.data import AudioBlock, SourceStatus, Window
from mgcld.errors import SourceError
from mgcld.interfaces import AudioSource

logger = logging.getLogger(__name__)

PROOF_SECONDS = 30.0
"""After so much sound in one opening the source has proved itself and the back-off starts anew."""


class Capture:
    """Runs a source in a thread of its own until it ends or `stop` is called.

    A live source that ends or fails is opened again, each time as a new epoch. The thread is a daemon: one that hangs
    in a driver does not keep the process from leaving.
    """

    def __init__(
        self,
        name: str,
        source: AudioSource,
        *,
        sample_rate: int,
        window_seconds: float,
        hop_seconds: float,
        inbox: Inbox,
        on_status: Callable[[SourceStatus], None] = lambda _: None,
    ) -> None:
        """`on_status` is called at every change of the state, in the source's thread.

        Raises:
            ConfigError: the window or the hop is no whole number of samples.
        """
        self._name = name
        self._source = source
        self._inbox = inbox
        self._pipeline = Pipeline(name, sample_rate=sample_rate, window_seconds=window_seconds, hop_seconds=hop_seconds)
        self._health = Health(name, live=source.live, on_status=on_status)
        self._backoff = Backoff()
        self._epoch = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture-{name}", daemon=True)

    @property
    def status(self) -> SourceStatus:
        """How the source is doing now; from any thread."""
        return self._health.status(self._inbox.dropped(self._name))

    def start(self) -> None:
        """Begin to listen; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait for the thread, at most `timeout` seconds; True when it has ended (or never started)."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._live()
        except Exception as error:
            # Whatever it is, the source must not look alive when nobody listens to it any more.
            logger.exception("%s: its thread broke", self._name)
            self._health.turn("failed", error=SourceError(f"{type(error).__name__}", help="a bug: see the log"))

    def _live(self) -> None:
        self._health.turn("connecting")
        fault = self._listen()
        while self._source.live and not self._stop.is_set():
            self._wait(fault or SourceError("the sound ended", reason="ended", help="the other side closed it"))
            if self._stop.is_set():
                break
            self._health.reopened()
            self._health.turn("connecting")
            fault = self._listen()
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

    def _wait(self, fault: SourceError) -> None:
        seconds = self._backoff.next()
        logger.warning("%s: %s; again in %.0f s", self._name, fault, seconds)
        self._health.turn("absent" if fault.reason == "absent" else "lost", error=fault, retry_in=seconds)
        self._stop.wait(seconds)

    def _listen(self) -> SourceError | None:
        """One opening: None when it ended by itself or was stopped, else why it broke off."""
        fault = None
        try:
            with _closing(self._source.blocks()) as blocks:
                self._hear(blocks)
        except SourceError as error:
            fault = error
        except Exception as error:
            # A fault in one source's code must not silence the others: keep the traceback, and try again.
            logger.exception("%s: the source broke", self._name)
            fault = SourceError(f"{type(error).__name__} in the source", help="a bug: the log holds the traceback")
        if not self._stop.is_set():
            self._send(self._pipeline.flush(partial=fault is None and not self._source.live))
        return fault

    def _hear(self, blocks: Iterator[AudioBlock]) -> None:
        seconds, epoch = 0.0, None
        for block in blocks:
            if self._stop.is_set():
                return
            if not len(block.samples):
                continue
            if epoch is None:
                self._opened(block)
            if block.epoch != epoch:
                epoch, self._epoch = block.epoch, self._epoch + 1
            seconds += len(block.samples) / block.sample_rate
            if seconds >= PROOF_SECONDS:
                self._backoff.reset()
            self._health.heard(block)
            self._send(self._pipeline.push(replace(block, epoch=self._epoch)))

    def _opened(self, block: AudioBlock) -> None:
        logger.info("%s: live, %d Hz, clock %s", self._name, block.sample_rate, block.clock)
        self._health.turn("live")

    def _send(self, windows: list[Window]) -> None:
        for window in windows:
            self._health.cut(window)
            ready = replace(window, ready_ns=time.monotonic_ns())
            self._inbox.put(ready, wait=not self._source.live, stop=self._stop)


def windows_of(
    source: AudioSource, *, name: str, sample_rate: int, window_seconds: float, hop_seconds: float
) -> Iterator[Window]:
    """The windows of a source without a thread or an inbox, its partial tail included: for training and for files.

    Raises:
        ConfigError: the window or the hop is no whole number of samples.
        SourceError: the source cannot be opened or read.
    """
    pipeline = Pipeline(name, sample_rate=sample_rate, window_seconds=window_seconds, hop_seconds=hop_seconds)
    with _closing(source.blocks()) as blocks:
        for block in blocks:
            yield from pipeline.push(block)
    yield from pipeline.flush(partial=True)


@contextlib.contextmanager
def _closing(blocks: Iterator[AudioBlock]) -> Iterator[Iterator[AudioBlock]]:
    """Closes the iterator at the end, where it can be closed: a source may return any kind of iterator."""
    try:
        yield blocks
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            close()
