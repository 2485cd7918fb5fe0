"""Work that is cut into pieces, in as many processes as are asked for."""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

from mgcld.errors import DataSetError

Result = TypeVar("Result")

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
        pool = ProcessPoolExecutor(min(jobs, pieces), multiprocessing.get_context("fork"), _begin)
        try:
            futures = [pool.submit(_one, index) for index in range(pieces)]
            yield _finished(futures)
            pool.shutdown()
        except BaseException:
            for child in multiprocessing.active_children():
                child.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    finally:
        _inherited = None


def _one(index: int) -> tuple[int, Any]:
    assert _inherited is not None
    with threadpool_limits(1):  # many small problems: threads would wait for each other
        return index, _inherited(index)


def _begin() -> None:
    """In a new process: the parent alone hears Ctrl-C, and no thread of torch's came along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
