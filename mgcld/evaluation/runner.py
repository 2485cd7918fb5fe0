"""All methods on all episodes, in as many processes as there are cores."""

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from mgcld.errors import DataSetError
from mgcld.evaluation.episodes import Episode
from mgcld.evaluation.methods import Ground, Method, said_and_sure
from mgcld.evaluation.results import Cell, Said
from mgcld.evaluation.tasks import asked

CHUNK = 5
"""Episodes that are answered together; Treff trains a matrix for each of them."""

Answered = dict[str, tuple[np.ndarray, np.ndarray]]
"""Method -> (label said, probability) of every question of a chunk."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One cell that is asked for."""

    way: int
    shots: int
    episodes: Sequence[Episode]


def run(
    ground: Ground,
    wishes: Sequence[Wish],
    methods: Sequence[Method],
    *,
    jobs: int,
    progress: Callable[[int, int], None],
) -> list[Cell]:
    """Answer all questions; `progress` hears of episodes.

    Raises:
        DataSetError: a process was killed, most likely for want of memory.
    """
    chunks = [(k, i) for k, wish in enumerate(wishes) for i in range(0, len(wish.episodes), CHUNK)]
    work = [wishes[k].episodes[i : i + CHUNK] for k, i in chunks]
    found: list[Answered | None] = [None] * len(work)
    spent = [0.0] * len(wishes)
    done, of = 0, sum(len(episodes) for episodes in work)
    with _answering(ground, methods, work, jobs) as answers:
        progress(0, of)
        for index, answered, seconds in answers:
            found[index] = answered
            spent[chunks[index][0]] += seconds
            done += len(work[index])
            progress(done, of)
    cells = []
    for k, wish in enumerate(wishes):
        own = [answered for (cell, _), answered in zip(chunks, found, strict=True) if cell == k and answered]
        cells.append(_cell(wish, own, spent[k]))
    return cells


def answered(ground: Ground, methods: Sequence[Method], episodes: Sequence[Episode]) -> Answered:
    """What every method says about the questions of some episodes."""
    said: Answered = {}
    for method in methods:
        labels, sure = said_and_sure(method.answer(ground, episodes))
        said[method.name] = labels.numpy().astype(np.int16), sure.numpy()
    return said


Result = tuple[int, Answered, float]
_shared: tuple[Ground, Sequence[Method], Sequence[Sequence[Episode]]] | None = None
"""What the processes inherit: nothing is sent to them but the number of a chunk."""


def _one(index: int) -> Result:
    assert _shared is not None
    ground, methods, work = _shared
    began = time.process_time()
    with threadpool_limits(1):
        said = answered(ground, methods, work[index])
    return index, said, time.process_time() - began


def _begin() -> None:
    """In a new process: the parent alone hears Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


@contextlib.contextmanager
def _answering(
    ground: Ground, methods: Sequence[Method], work: Sequence[Sequence[Episode]], jobs: int
) -> Iterator[Iterator[Result]]:
    global _shared
    _shared = ground, methods, work
    try:
        if jobs == 1 or len(work) == 1:
            yield map(_one, range(len(work)))
            return
        pool = ProcessPoolExecutor(min(jobs, len(work)), multiprocessing.get_context("fork"), _begin)
        futures = [pool.submit(_one, index) for index in range(len(work))]
        try:
            yield _finished(futures)
            pool.shutdown()
        except BaseException:
            for child in multiprocessing.active_children():
                child.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    finally:
        _shared = None


def _finished(futures: Sequence[Future[Result]]) -> Iterator[Result]:
    waiting = set(futures)
    while waiting:
        ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in ready:
            try:
                yield future.result()
            except BrokenProcessPool as error:
                raise DataSetError(
                    "a process of the evaluation was killed", help="most likely there is too little memory: --jobs 1"
                ) from error


def _cell(wish: Wish, chunks: Sequence[Answered], seconds: float) -> Cell:
    """Labels of an episode become classes of the data set."""
    _, labels = asked(wish.episodes)
    classes = np.array([episode.classes for episode in wish.episodes])
    truth = np.where(labels.numpy() >= 0, np.take_along_axis(classes, labels.clamp_min(0).numpy(), 1), -1)
    said = {}
    for name in chunks[0]:
        best, sure = (_lined_up([chunk[name][part] for chunk in chunks], truth.shape[1]) for part in (0, 1))
        said[name] = Said(np.take_along_axis(classes, best.astype(int), 1), sure)
    return Cell(wish.way, wish.shots, truth, said, seconds)


def _lined_up(parts: Sequence[np.ndarray], queries: int) -> np.ndarray:
    """Chunks may have different numbers of questions."""
    return np.concatenate([np.pad(part, ((0, 0), (0, queries - part.shape[1]))) for part in parts])
