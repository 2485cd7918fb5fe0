"""The capture process: `python -m mgcld.audio.child NAME LIFE_LINE` opens one source and writes frames.

On its standard input come an order (JSON, one line: which source, with which options) and then one line for each
opening. At the end of that input, or of the life line (a pipe's number), which both come with any death of the parent,
it leaves with all that it has started.
Without torch and without the configuration's models: it must start in a fraction of a second and stay small.
"""

import fcntl
import importlib
import json
import logging
import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from mgcld.audio import frames
from mgcld.audio.closing import broken, closing
from mgcld.errors import SourceError
from mgcld.interfaces import Choosing, Describing, Openable

PATH = "path:"
"""JSON knows no paths: they travel as text behind this."""
TEXT = "text:"


def order(target: str, options: Mapping[str, Any]) -> bytes:
    """The line that tells a capture process what to build: `module:attribute`, and its constructor's arguments.

    Raises:
        TypeError: an option is nothing that JSON knows, and no path.
    """
    return json.dumps({"target": target, "options": {name: _packed(value) for name, value in options.items()}}).encode()


def _packed(value: Any) -> Any:
    if isinstance(value, Path):
        return PATH + str(value)
    if isinstance(value, str):
        return TEXT + value
    if isinstance(value, list | tuple):
        return [_packed(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _packed(item) for name, item in value.items()}
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, str):
        return Path(value.removeprefix(PATH)) if value.startswith(PATH) else value.removeprefix(TEXT)
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    if isinstance(value, dict):
        return {name: _unpacked(item) for name, item in value.items()}
    return value


def built(line: bytes) -> Openable:
    """The source that an order describes."""
    wish = json.loads(line)
    module, _, attribute = wish["target"].partition(":")
    constructor = getattr(importlib.import_module(module), attribute)
    source: Openable = constructor(**_unpacked(wish["options"]))
    return source


class Teller:
    """Writes frames, from any thread, whole."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def tell(self, record: frames.Record) -> None:
        """Write one record; without a reader, end.

        Raises:
            ValueError: a block is longer than a frame may be.
        """
        frame = frames.encode(record)  # runs what a source has made its facts of, which may log
        with self._lock:
            try:
                self._pipe.write(frame)
                self._pipe.flush()
            except BrokenPipeError:  # nobody listens any more
                _end_group()


class Log(logging.Handler):
    """What the source logs goes to the parent's log."""

    def __init__(self, teller: Teller) -> None:
        super().__init__()
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        """As one note."""
        self._teller.tell(frames.Note(record.levelno, self.format(record)))


def open_once(source: Openable, teller: Teller) -> None:
    """One opening, told from its beginning to its end."""
    told = frames.Facts()
    teller.tell(frames.Begun())
    try:
        with closing(source.blocks()) as blocks:
            for block in blocks:
                if (said := _said_by(source)) != told:
                    told = said
                    teller.tell(told)
                teller.tell(block)
        teller.tell(frames.Ended())
    except SourceError as error:
        teller.tell(frames.Fault(error.reason, str(error), error.help))
    except Exception as error:
        logging.getLogger(__name__).exception("the source broke")
        fault = broken(error)
        teller.tell(frames.Fault(fault.reason, str(fault), fault.help))


def _said_by(source: Openable) -> frames.Facts:
    return frames.Facts(
        dict(source.facts) if isinstance(source, Describing) else {},
        dict(source.chosen) if isinstance(source, Choosing) else {},
    )


def main() -> None:
    """Serve openings until the input ends."""
    _die_with_parent(int(sys.argv[2]))
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no frame
    teller = Teller(pipe)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[Log(teller)])
    signal.signal(signal.SIGTERM, _leave)
    source = built(sys.stdin.buffer.readline())
    lines: queue.Queue[None] = queue.Queue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    try:
        while True:
            lines.get()
            open_once(source, teller)
    except SystemExit:  # the source has closed what it held, and Python's own farewell waits for the reading thread
        os._exit(0)


def _listen(lines: "queue.Queue[None]") -> None:
    for _ in sys.stdin.buffer:
        lines.put(None)
    _end_group()  # the parent is gone, or wants us gone


def _end_group() -> None:
    """End this process at once, with all that it has started if it leads a group of its own."""
    if _leads_group():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _leads_group() -> bool:
    return os.getpgrp() == os.getpid()


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (signal's signature)
    raise SystemExit(0)  # so that the source closes what it holds


def _die_with_parent(life_line: int) -> None:
    """Let the kernel kill this group when the parent's end of the life line closes, with whatever it dies of.

    Nothing ever comes through it. Even where a library holds Python's lock for ever and no line of ours runs any more,
    and with what a library has started, too.
    """
    if sys.platform == "linux" and _leads_group():
        fcntl.fcntl(life_line, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(life_line, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life_line, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        if select.select([life_line], [], [], 0)[0]:  # closed before we were ready
            _end_group()


if __name__ == "__main__":
    main()
