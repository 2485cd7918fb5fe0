"""What `mgcld check` finds, and how its steps run: side by side, each in a thread, all within a time."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mgcld.errors import MgcldError, SourceError

logger = logging.getLogger(__name__)

Kind = Literal["source", "adapter", "encoder", "events", "captioner", "inference", "publish", "http", "spool", "sink"]
State = Literal["ok", "warning", "error", "skipped"]

LOOK_SECONDS = 0.2
FAREWELL_SECONDS = 1.0
"""How long steps that are ended early, or hang, are waited for."""
STUCK = "it does not answer: restart the device, or see whether a network drive hangs"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step has found."""

    kind: Kind
    name: str = ""
    """Of the source or the sink; empty where there is only one of the kind."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a person wants to know of it, as JSON."""
    error: MgcldError | None = None
    """Why it will not work."""
    warnings: tuple[str, ...] = ()
    """What a person should look at although it will work."""
    needs: str = ""
    """What it would have needed and was not there: then it was not tried."""

    @property
    def state(self) -> State:
        """In one word."""
        if self.error is not None:
            return "error"
        return "skipped" if self.needs else "warning" if self.warnings else "ok"


@dataclass(frozen=True, slots=True)
class Step:
    """Something to find out."""

    kind: Kind
    name: str
    run: Callable[[threading.Event], Iterator[Finding]]
    """Yields what it finds, or raises; ends early when the event is set."""


def together(
    steps: Sequence[Step], seconds: float | None = None, farewell_seconds: float = FAREWELL_SECONDS
) -> Generator[Finding, None, None]:
    """The findings of steps that run at the same time, as they come; one that takes longer is an error.

    Close it to end them early.
    """
    stop, found = threading.Event(), queue.SimpleQueue[tuple[int, Finding | None]]()
    threads = [
        threading.Thread(target=_run, args=(number, step, stop, found), name=f"check {step.name}", daemon=True)
        for number, step in enumerate(steps)
    ]
    for thread in threads:
        thread.start()
    deadline = None if seconds is None else time.monotonic() + seconds
    try:
        waiting = set(range(len(steps)))
        while waiting and (deadline is None or time.monotonic() < deadline):
            number, finding = _next(found)
            if finding is not None:
                yield finding
            else:
                waiting.discard(number)
        for number in sorted(waiting):
            yield _stuck(steps[number], f"no answer within {seconds:.0f} s")
    finally:
        stop.set()
        farewell = time.monotonic() + farewell_seconds
        for thread in threads:
            thread.join(max(0.0, farewell - time.monotonic()))


def bug(error: Exception, where: str) -> MgcldError:
    """What nobody has foreseen, with its traceback in the log."""
    logger.error("%s: broke", where.strip(), exc_info=error)
    return MgcldError(f"{type(error).__name__}: {error}", help="a bug: see the traceback")


def _stuck(step: Step, text: str) -> Finding:
    error = SourceError(text, reason="timeout", help=STUCK) if step.kind == "source" else MgcldError(text, help=STUCK)
    return Finding(step.kind, step.name, error=error)


def _next(found: "queue.SimpleQueue[tuple[int, Finding | None]]") -> tuple[int, Finding | None]:
    try:
        return found.get(timeout=LOOK_SECONDS)
    except queue.Empty:
        return -1, None


def _run(
    number: int, step: Step, stop: threading.Event, found: "queue.SimpleQueue[tuple[int, Finding | None]]"
) -> None:
    try:
        for finding in step.run(stop):
            found.put((number, finding))
    except MgcldError as error:
        found.put((number, Finding(step.kind, step.name, error=error)))
    except Exception as error:
        found.put((number, Finding(step.kind, step.name, error=bug(error, f"{step.kind} {step.name}"))))
    finally:
        found.put((number, None))
