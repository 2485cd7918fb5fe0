"""All methods on all episodes, in as many processes as there are cores."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mgcld.evaluation.episodes import Episode
from mgcld.evaluation.methods import Ground, Method, said_and_sure
from mgcld.evaluation.processes import spread
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
    progress: Callable[[str, int, int], None],
) -> list[Cell]:
    """Answer all questions."""
    for method in methods:
        if method.options is not None:
            ground.bank.compare(method.options, lambda i, n: progress("comparing", i, n), jobs)
    chunks = [(k, wish.episodes[i : i + CHUNK]) for k, wish in enumerate(wishes) for i in _starts(wish)]
    found: list[Answered] = [{} for _ in chunks]
    spent = [0.0] * len(wishes)
    done, of = 0, sum(len(episodes) for _, episodes in chunks)
    with spread(lambda i: _timed(ground, methods, chunks[i][1]), len(chunks), jobs) as pieces:
        progress("asking", 0, of)
        for index, (said, seconds) in pieces:
            cell, episodes = chunks[index]
            found[index] = said
            spent[cell] += seconds
            done += len(episodes)
            progress("asking", done, of)
    own = [[said for said, (k, _) in zip(found, chunks, strict=True) if k == cell] for cell in range(len(wishes))]
    return [_cell(wish, said, seconds) for wish, said, seconds in zip(wishes, own, spent, strict=True)]


def _starts(wish: Wish) -> range:
    return range(0, len(wish.episodes), CHUNK)


def _timed(ground: Ground, methods: Sequence[Method], episodes: Sequence[Episode]) -> tuple[Answered, float]:
    began = time.process_time()
    return answered(ground, methods, episodes), time.process_time() - began


def answered(ground: Ground, methods: Sequence[Method], episodes: Sequence[Episode]) -> Answered:
    """What every method says about the questions of some episodes."""
    said: Answered = {}
    for method in methods:
        labels, sure = said_and_sure(method.answer(ground, episodes))
        said[method.name] = labels.numpy().astype(np.int16), sure.numpy()
    return said


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
