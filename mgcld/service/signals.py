"""What signals ask for: to stop, and to read the configuration again."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def signals(stop: Callable[[], bool], reload: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM stop, SIGHUP reloads; both callbacks run within a signal handler.

    `stop` says whether it was asked for already: then the signal ends the process the usual way. A SIGHUP that comes
    because our terminal is gone stops as well, and one that was ignored before us, as under nohup, stays so.
    """

    def stopped(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (signal's signature)
        if stop():
            raise KeyboardInterrupt

    def hung_up(number: int, frame: FrameType | None) -> None:
        if on_terminal and not has_terminal():
            stopped(number, frame)
        else:
            reload()

    on_terminal = has_terminal()
    before = {number: signal.signal(number, stopped) for number in STOP_SIGNALS}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hung_up)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def has_terminal() -> bool:
    """Whether this process has a terminal, from which Ctrl-C and a hang-up come."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
