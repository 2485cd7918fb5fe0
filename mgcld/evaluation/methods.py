"""Every method that is compared, by the name it has in the tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from mgcld.evaluation import baselines, cache_baselines
from mgcld.evaluation.bank import Bank
from mgcld.evaluation.baselines import Logits
from mgcld.evaluation.episodes import Episode
from mgcld.evaluation.mgc import adapted, answers, foreign_of
from mgcld.evaluation.tasks import Tasks, asked, tasks_of
from mgcld.model.options import MGCL_PLUS, PAPER, MethodOptions


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What all methods stand on: the same frozen features."""

    bank: Bank
    foreign: Bank
    """Generated sounds that belong to no class."""


@dataclass(frozen=True, slots=True)
class Method:
    """One row of a table."""

    name: str
    answer: Callable[[Ground, Sequence[Episode]], Logits]
    """Logits of every question; their softmax is meant as a probability. Where a task has fewer: anything."""
    baseline: bool = True
    """Whether the adapter is compared with it."""
    options: MethodOptions | None = None
    """Of the method itself: which comparison of clips it needs."""


def _on_features(answer: Callable[[Tasks], Logits]) -> Callable[[Ground, Sequence[Episode]], Logits]:
    return lambda ground, episodes: answer(tasks_of(ground.bank, episodes))


def mgc(name: str, options: MethodOptions, change: Callable[[Bank], Bank] = lambda bank: bank) -> Method:
    """The method with these options, on the bank as `change` leaves it (ablations)."""

    def answer(ground: Ground, episodes: Sequence[Episode]) -> Logits:
        bank, foreign = change(ground.bank), foreign_of(ground.foreign, options)
        queries, truth = asked(episodes)
        logits = torch.zeros(*truth.shape, len(episodes[0].classes))
        for i, episode in enumerate(episodes):
            adapter = adapted(bank, episode, foreign, options, calibrate=options.selected)
            some = truth[i] >= 0
            logits[i, some] = answers(adapter, queries[i, some]).logits
        return logits

    return Method(name, answer, baseline=False, options=options)


OURS = "mgcl+"
METHODS: tuple[Method, ...] = (
    *(
        Method(name, _on_features(answer))
        for name, answer in {
            "zero-shot, name": baselines.zero_shot_by_name,
            "zero-shot, explanations": baselines.zero_shot_by_explanations,
            "1-NN": baselines.nearest_neighbour,
            "prototype": baselines.prototype,
            "audio+text centroid": baselines.audio_and_text_centroid,
            "logistic regression": baselines.logistic_regression,
            "Tip-Adapter": cache_baselines.tip_adapter,
            "Tip-Adapter-F": cache_baselines.tip_adapter_f,
            "Treff, training-free": cache_baselines.treff,
            "Treff (CALM)": cache_baselines.treff_trained,
        }.items()
    ),
    mgc("MGC paper", PAPER),
    mgc(OURS, MGCL_PLUS),
)


def said_and_sure(
    logits: Float[Tensor, "tasks queries classes"],
) -> tuple[Tensor, Tensor]:
    """(label of the best class, its probability among the classes) of every question."""
    best = logits.double().softmax(2).max(2)
    return best.indices, best.values.float()


def without(options: MethodOptions, *parts: str) -> MethodOptions:
    """The options with some parts of the method left out."""
    return replace(options, without=" ".join(parts))
