"""A live source in a capture process of its own: for whoever listens, a source like any other."""

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mgcld.audio import child, frames
from mgcld.audio.limit import Limit, LimitedLog
from mgcld.audio.lines import Lines
from mgcld.audio.process import CaptureProcess
from mgcld.data import AudioBlock
from mgcld.errors import ConfigError, SourceError
from mgcld.interfaces import Openable
from mgcld.redaction import redacted

logger = logging.getLogger(__name__)

TICK = AudioBlock(np.empty(0, np.float32), sample_rate=1, first_sample=0, captured_ns=0)
"""Nothing yet, but we look."""
START_SECONDS = 30.0
"""A process may take so long to start; only then the opening begins. Many start at once on a busy machine."""
AGAIN_SECONDS = 5.0
"""One that has opened its source before must begin so soon."""
MOST_OPENINGS = 100
"""What a library leaks at each opening ends with its process."""
LINES_A_MINUTE = 20
"""More of its lines are counted, not logged."""
NOTE_CHARACTERS = 8000
"""Of what the source logs; a traceback that is longer loses its beginning, for its end says what went wrong."""
NO_ROOM = "see whether this machine is out of memory, and the limits `ulimit -n` (files) and `ulimit -u` (processes)"
CRASHED = "it is started again; if it goes on, look for its last words in the log"


class RemoteSource:
    """Opens a source in a process that can hang, leak or crash without harm to anybody else.

    The process stays from one opening to the next as long as it ends each politely.
    """

    live = True

    def __init__(self, name: str, target: str, options: Mapping[str, Any], patience_seconds: float = 0.0) -> None:
        """`target`: module:attribute, whose call with `options` makes the source; for its patience see `Patient`.

        Raises:
            ConfigError: an option cannot be handed to another process.
        """
        self._target, self._options = target, dict(options)
        try:
            child.order(target, options)
        except TypeError as error:
            hint = "options of a live source are text, numbers, paths, lists and mappings"
            raise ConfigError(f"sources.{name}: {error}", help=hint) from error
        self.patience_seconds = patience_seconds
        self._name = name
        self._process: CaptureProcess | None = None
        self._openings = 0
        self._chosen: Mapping[str, Any] = {}
        self._log = LimitedLog(logger, name, Limit(LINES_A_MINUTE, 60))
        self._errors = Lines()
        self._decoder = frames.Decoder()  # of one process: what it says behind the end of an opening is not lost
        self.facts: Mapping[str, Any] = {}
        """What the source says of what it has opened."""
        self.starting = False
        """The process has not begun to open its source: its time does not count."""

    @property
    def pid(self) -> int | None:
        """Of the capture process, while there is one."""
        return self._process.pid if self._process is not None else None

    def blocks(self) -> Iterator[AudioBlock]:
        """One opening; an empty block now and then says that nothing has come yet.

        Raises:
            SourceError: it failed there, the process died (`crashed`), or writes what makes no sense.
        """
        process, polite = self._ready(), False
        try:
            for record in self._records(process):
                if isinstance(record, AudioBlock):
                    yield record
                else:
                    polite = _is_polite(record)
                    if isinstance(record, frames.Ended):
                        return
                    self._note(record)
            raise self._crashed(process)
        finally:
            if not polite:
                self.close()

    def close(self) -> None:
        """End the process, with all that it has started."""
        if self._process is not None:
            self._process.end()
            self._process, self._openings = None, 0

    def _ready(self) -> CaptureProcess:
        if self._openings >= MOST_OPENINGS:
            self.close()
        if self._process is None:
            self._process, self._errors, self._decoder = self._started(), Lines(), frames.Decoder()
        self._openings += 1
        self._process.go()
        return self._process

    def _started(self) -> CaptureProcess:
        order = child.order(self._target, {**self._options, **self._chosen})
        try:
            return CaptureProcess(self._name, order)
        except OSError as error:
            raise SourceError(f"no capture process can be started: {error.strerror}", help=NO_ROOM) from None

    def _records(self, process: CaptureProcess) -> Iterator[frames.Record]:
        seconds = START_SECONDS if self._openings == 1 else AGAIN_SECONDS
        late, self.starting = time.monotonic() + seconds, True
        for heard, errors in process.read():
            self._complain(errors)
            sounded = False
            if self.starting and time.monotonic() > late:
                message = f"the capture process does not begin in {seconds:.0f} s"
                raise SourceError(message, reason="timeout", help="is this machine busy with other things?")
            try:
                for record in self._decoder.feed(heard):
                    self.starting = self.starting and not isinstance(record, frames.Begun)
                    sounded = sounded or isinstance(record, AudioBlock)
                    yield record
            except frames.FrameError as error:
                raise SourceError(f"the capture process is broken: {error}", reason="crashed", help=CRASHED) from None
            if not sounded:  # a broken process can write for ever: lines, or a frame that never ends
                yield TICK

    def _note(self, record: frames.Record) -> None:
        if isinstance(record, frames.Fault):
            raise SourceError(redacted(record.message), reason=record.reason, help=redacted(record.help))
        if isinstance(record, frames.Facts):
            self.facts, self._chosen = _shown(record.facts), record.chosen
        elif isinstance(record, frames.Note):
            self._log.say(record.level, redacted(record.text)[-NOTE_CHARACTERS:])

    def _complain(self, errors: bytes) -> None:
        """What libraries print there is for people who look closer; the last of it explains a crash."""
        for line in self._errors.feed(errors):
            self._log.say(logging.DEBUG, line)

    def _crashed(self, process: CaptureProcess) -> SourceError:
        words = f": {self._errors.last}" if self._errors.last else ""
        return SourceError(f"the capture process {process.wait(1.0)}{words}", reason="crashed", help=CRASHED)


def is_starting(source: Openable) -> bool:
    """Its process has not begun to open it, so no time of its own has passed."""
    return isinstance(source, RemoteSource) and source.starting


def _is_polite(record: frames.Record) -> bool:
    """The opening is over, and its process can serve the next: a source that says it crashed wants another one."""
    return isinstance(record, frames.Ended) or (isinstance(record, frames.Fault) and record.reason != "crashed")


def _shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a source says may hold an address."""
    return {name: _clean(value) for name, value in facts.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return _shown(value) if isinstance(value, dict) else value
