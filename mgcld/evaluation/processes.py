"""Work that is cut into pieces, in as many processes as are asked for."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

from mgcld.errors import DataSetError

Result = TypeVar("Result")

PR_SET_PDEATHSIG = 1

_inherited: Callable[[int], Any] | None = None
"""What the processes do: they are forked, so that no features have to be sent to them."""


@contextlib.contextmanager
def spread(piece: Callable[[int], Result], pieces: int, jobs: int) -> Iterator[Iterator[tuple[int, Result]]]:
    """(index, result) of every piece, in the order in which they end; with one job, here and now.

    The processes have begun when this is entered: threads may be started inside, not before.

    Raises:
        DataSetError: a process was killed, most likely for want of memory.
    """
    global _inherited
    _inherited = piece
    try:
        if jobs == 1 or pieces <= 1:
            yield map(_one, range(pieces))
            return
        pool = ProcessPoolExecutor(min(jobs, pieces), multiprocessing.get_context("fork"), _begin, (os.getpid(),))
        try:
            with _undisturbed():
                futures = [pool.submit(_one, index) for index in range(pieces)]
            yield _finished(futures)
            pool.shutdown()
        except BaseException:
            for child in multiprocessing.active_children():
                child.kill()
            # They are dead, so this is soon; without it the pool and the end of this process may close the same pipe.
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    finally:
        _inherited = None


def _one(index: int) -> tuple[int, Any]:
    assert _inherited is not None
    with threadpool_limits(1):  # many small problems: threads would wait for each other
        return index, _inherited(index)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits: between the start of a process and its being known to the pool it would leave it behind."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(parent: int) -> None:
    """In a new process: the parent alone hears Ctrl-C, its end is ours, and no thread of torch's came along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    torch.set_num_threads(1)


def _finished(futures: Sequence[Future[tuple[int, Result]]]) -> Iterator[tuple[int, Result]]:
    waiting = set(futures)
    while waiting:
        ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in ready:
            try:
                yield future.result()
            except BrokenProcessPool as error:
                help = "most likely there is too little memory: try --jobs 1"
                raise DataSetError("a process of the evaluation was killed", help=help) from error
