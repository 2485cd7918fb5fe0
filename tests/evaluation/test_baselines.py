"""Baselines against their formulas, written out with loops."""

import itertools
import math

import numpy as np
import pytest
import torch
from random_tasks import QUERIES, TASKS, WAY, tasks
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mgcld.evaluation import baselines, cache_baselines
from mgcld.evaluation.tasks import Tasks

each_shots = pytest.mark.parametrize("per_class", [1, 2, 3])


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()).clamp_min(1e-12))


def literally(given: Tasks, say) -> Tensor:  # type: ignore[no-untyped-def]
    """say(task, query, class) -> logit, for all of them."""
    logits = torch.zeros(TASKS, QUERIES, WAY)
    for t, q, c in itertools.product(range(TASKS), range(QUERIES), range(WAY)):
        logits[t, q, c] = say(t, given.queries[t, q], c)
    return logits


def own(given: Tasks, task: int, label: int) -> Tensor:
    return given.shots[task][given.labels == label]


@each_shots
def test_zero_shot_is_the_cosine_to_a_text(per_class: int) -> None:
    given = tasks(per_class)
    for answer, texts in (
        (baselines.zero_shot_by_name, given.names),
        (baselines.zero_shot_by_explanations, given.sentences),
    ):
        expected = literally(given, lambda t, q, c, texts=texts: cosine(q @ given.alignment, texts[t, c]))
        torch.testing.assert_close(answer(given), expected, atol=1e-5, rtol=0)


@each_shots
def test_prototype_and_nearest_neighbour(per_class: int) -> None:
    given = tasks(per_class)
    mean = literally(given, lambda t, q, c: cosine(q, own(given, t, c).mean(0)))
    nearest = literally(given, lambda t, q, c: max(cosine(q, shot) for shot in own(given, t, c)))
    torch.testing.assert_close(baselines.prototype(given), mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(baselines.nearest_neighbour(given), nearest, atol=1e-5, rtol=0)


@each_shots
def test_the_share_of_the_text_names_most_left_out_shots(per_class: int) -> None:
    given = tasks(per_class)
    logits = baselines.audio_and_text_centroid(given)
    for t in range(TASKS):
        share = baselines.USUAL_SHARE if per_class == 1 else _best_share(given, t)
        for q, c in itertools.product(range(QUERIES), range(WAY)):
            query = given.queries[t, q]
            expected = cosine(query, own(given, t, c).mean(0))
            expected += share * cosine(query @ given.alignment, given.sentences[t, c])
            assert float(logits[t, q, c]) == pytest.approx(expected, abs=1e-5)


def _best_share(given: Tasks, t: int) -> float:
    rights = []
    for share in baselines.SHARES:
        right = 0
        for i, shot in enumerate(given.shots[t]):
            scores = []
            for c in range(WAY):
                others = [s for j, s in enumerate(given.shots[t]) if given.labels[j] == c and j != i]
                text = cosine(shot @ given.alignment, given.sentences[t, c])
                scores.append(cosine(shot, torch.stack(others).mean(0)) + share * text)
            right += int(np.argmax(scores)) == int(given.labels[i])
        rights.append(right)
    return baselines.SHARES[int(np.argmax(rights))]


def test_logistic_regression_is_scikit_learns_on_the_whole_features() -> None:
    given = tasks(1)
    logits = baselines.logistic_regression(given)
    for t in range(TASKS):
        model = LogisticRegression(C=baselines.USUAL_STRENGTH, max_iter=1000)
        model.fit(given.shots[t].numpy(), given.labels.numpy())
        expected = model.predict_log_proba(given.queries[t].numpy())
        np.testing.assert_allclose(logits[t].numpy(), expected, atol=0.02)


def test_the_strength_of_logistic_regression_comes_from_left_out_shots(monkeypatch: pytest.MonkeyPatch) -> None:
    given = tasks(4)
    chosen = baselines.logistic_regression(given)
    fixed = []
    for strength in baselines.STRENGTHS:
        monkeypatch.setattr(baselines, "STRENGTHS", (strength,))
        fixed.append(baselines.logistic_regression(given))
    assert all(any(torch.equal(chosen[t], logits[t]) for logits in fixed) for t in range(TASKS))
    assert not all(torch.equal(chosen, logits) for logits in fixed)


def tip_logits(given: Tasks, t: int, query: Tensor, scale: float, alpha: float, beta: float, without: int = -1):  # type: ignore[no-untyped-def]
    """Tip-Adapter's two lines; without one shot its siblings speak for all K."""
    logits = []
    for c in range(WAY):
        shots = [(j, s) for j, s in enumerate(given.shots[t]) if given.labels[j] == c]
        left = [s for j, s in shots if j != without]
        cached = sum(math.exp(-beta * (1 - cosine(query, s))) for s in left)
        if left:
            cached *= len(shots) / len(left)
        zero_shot = cosine(query @ given.alignment, given.sentences[t, c])
        logits.append(scale * zero_shot + alpha * cached)
    return torch.tensor(logits)


def left_out_loss(given: Tasks, t: int, scale: float, alpha: float, beta: float) -> float:
    losses = []
    for i, shot in enumerate(given.shots[t]):
        logits = tip_logits(given, t, shot, scale, alpha, beta, without=i)
        losses.append(float(-logits.log_softmax(0)[given.labels[i]]))
    return float(np.mean(losses))


def test_tip_adapter_chooses_by_left_out_shots(monkeypatch: pytest.MonkeyPatch) -> None:
    scales, alphas, betas = (2.0, 8.0), (0.5, 4.0, 16.0), (1.0, 5.5)
    for name, values in (("SCALES", scales), ("TIP_ALPHAS", alphas), ("TIP_BETAS", betas)):
        monkeypatch.setattr(cache_baselines, name, values)
    given = tasks(3)
    logits = cache_baselines.tip_adapter(given)
    for t in range(TASKS):
        best = min(itertools.product(scales, alphas, betas), key=lambda choice: left_out_loss(given, t, *choice))
        for q in range(QUERIES):
            expected = tip_logits(given, t, given.queries[t, q], *best)
            torch.testing.assert_close(logits[t, q], expected, atol=1e-4, rtol=0)


def test_with_one_shot_the_scale_suits_the_text_and_the_rest_is_published() -> None:
    given = tasks(1)
    logits, treff = cache_baselines.tip_adapter(given), cache_baselines.treff(given)
    for t in range(TASKS):

        def loss(scale: float, t: int = t) -> float:
            text = torch.stack([tip_logits(given, t, shot, scale, 0.0, 1.0) for shot in given.shots[t]])
            return float(torch.nn.functional.cross_entropy(text, given.labels))

        scale = min(cache_baselines.SCALES, key=loss)
        for q in range(QUERIES):
            query = given.queries[t, q]
            torch.testing.assert_close(logits[t, q], tip_logits(given, t, query, scale, 1.17, 1.0), atol=1e-4, rtol=0)
            torch.testing.assert_close(treff[t, q], tip_logits(given, t, query, scale, 1.0, 5.5), atol=1e-4, rtol=0)


def test_tip_adapter_f_trains_each_task_as_if_it_were_alone() -> None:
    given = tasks(2)
    together = cache_baselines.tip_adapter_f(given)
    choices = zip(*cache_baselines._tip_choice(given), strict=True)
    for t, (scale, alpha, beta) in enumerate(choices):
        text, shots = given.spoken(given.shots, given.sentences)[t], given.shots[t]
        keys = torch.nn.Parameter(shots.clone())
        optimiser = torch.optim.AdamW([keys], lr=1e-3, eps=1e-4)
        for step in range(20):
            optimiser.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * step / 20)) / 2
            cached = torch.exp(-beta * (1 - shots @ keys.T)) @ given.values
            loss = torch.nn.functional.cross_entropy(scale * text + alpha * cached, given.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        cached = torch.exp(-beta * (1 - given.queries[t] @ keys.T.detach())) @ given.values
        expected = scale * given.spoken(given.queries, given.sentences)[t] + alpha * cached
        torch.testing.assert_close(together[t], expected, atol=2e-3, rtol=1e-4)


def test_treff_begins_at_its_training_free_form_and_learns() -> None:
    given = tasks(3)
    assert torch.equal(cache_baselines._treff(given, steps=0), cache_baselines.treff(given))
    loss_before = cache_baselines._loss(_on_shots(given, 0), given)
    assert bool((cache_baselines._loss(_on_shots(given, 20), given) < loss_before).all())


def _on_shots(given: Tasks, steps: int) -> Tensor:
    """What Treff says of the shots themselves."""
    asked = Tasks(
        given.shots,
        given.shots,
        given.names,
        given.sentences,
        given.alignment,
        given.labels,
        given.labels.expand(TASKS, -1),
    )
    return cache_baselines._treff(asked, steps=steps)


@pytest.mark.parametrize(
    "answer",
    [
        baselines.zero_shot_by_name,
        baselines.zero_shot_by_explanations,
        baselines.nearest_neighbour,
        baselines.prototype,
        baselines.audio_and_text_centroid,
        baselines.logistic_regression,
        cache_baselines.tip_adapter,
        cache_baselines.tip_adapter_f,
        cache_baselines.treff,
        cache_baselines.treff_trained,
    ],
)
@each_shots
def test_no_question_changes_the_answer_to_another(answer, per_class: int) -> None:  # type: ignore[no-untyped-def]
    """Nothing is chosen on questions: with other ones beside it, a question gets the same logits."""
    given = tasks(per_class)
    swapped = given.queries.clone()
    swapped[:, 1:] = torch.roll(given.queries[:, 1:], 1, 0).neg()
    other = Tasks(given.shots, swapped, given.names, given.sentences, given.alignment, given.labels, 0 * given.truth)
    torch.testing.assert_close(answer(given)[:, 0], answer(other)[:, 0], atol=1e-4, rtol=0)
