"""Intervals on answers whose spread is known."""

import numpy as np
import pytest
from random_tasks import cell

from mgcld.evaluation.bootstrap import Bootstrap, best_baseline, binned, confusion, reliability


def answers(share: float, episodes: int, questions: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((episodes, questions)) < share


def test_accuracy_is_the_share_of_right_answers_and_padding_counts_for_nothing() -> None:
    truth = np.array([[0, 1, 2, 0], [2, 1, -1, -1]])
    right = {"a": np.array([[True, False, True, True], [False, True, True, True]])}
    found = cell(right, truth)
    assert found.accuracy("a") == pytest.approx(4 / 6)
    assert Bootstrap(found).accuracy("a").mean == pytest.approx(4 / 6)


def test_with_independent_answers_the_interval_is_near_the_binomial_one() -> None:
    """Many classes and many episodes, nothing shared: both factors add little."""
    episodes, questions = 400, 50
    truth = np.tile(np.arange(questions), (episodes, 1))
    interval = Bootstrap(cell({"a": answers(0.8, episodes, questions, 0)}, truth)).accuracy("a")
    binomial = 1.96 * np.sqrt(0.8 * 0.2 / (episodes * questions))
    assert binomial < (interval.high - interval.low) / 2 < 2.5 * binomial
    assert interval.low < 0.8 < interval.high


def test_a_class_that_is_always_wrong_widens_the_interval_though_episodes_agree() -> None:
    """Ten classes, one of them hopeless: which classes were asked is what the figure hangs on."""
    truth = np.tile(np.arange(10), (200, 1))
    interval = Bootstrap(cell({"a": truth != 3}, truth)).accuracy("a")
    assert interval.mean == pytest.approx(0.9)
    deviation = np.sqrt(0.9 * 0.1 / 10)
    assert interval.low == pytest.approx(0.9 - 1.96 * deviation, abs=0.06)
    assert interval.high == pytest.approx(1.0, abs=0.01)


def test_for_these_very_classes_a_hopeless_one_widens_nothing() -> None:
    truth = np.tile(np.arange(10), (200, 1))
    interval = Bootstrap(cell({"a": truth != 3}, truth), over_classes=False).accuracy("a")
    assert (interval.low, interval.mean, interval.high) == pytest.approx((0.9, 0.9, 0.9))


def test_episodes_that_are_wholly_right_or_wrong_widen_it_too() -> None:
    truth = np.tile(np.arange(20), (50, 1))
    right = np.tile((np.arange(50) < 40)[:, None], (1, 20))
    interval = Bootstrap(cell({"a": right}, truth)).accuracy("a")
    half = 1.96 * np.sqrt(0.8 * 0.2 / 50)
    assert (interval.low, interval.high) == (pytest.approx(0.8 - half, abs=0.03), pytest.approx(0.8 + half, abs=0.03))


def test_a_small_difference_on_the_same_questions_is_seen_though_the_intervals_overlap() -> None:
    truth = np.tile(np.arange(20), (200, 1))
    worse = answers(0.7, 200, 20, 1) & (truth != 5)
    better = worse | answers(0.1, 200, 20, 2)
    found = cell({"worse": worse, "better": better}, truth)
    bootstrap = Bootstrap(found)
    one, other = bootstrap.accuracy("better"), bootstrap.accuracy("worse")
    difference = bootstrap.difference("better", "worse")
    assert one.low < other.high
    assert difference.mean == pytest.approx(one.mean - other.mean)
    assert 0 < difference.low < difference.mean < difference.high
    assert bootstrap.difference("worse", "better").mean == -difference.mean


def test_a_method_is_not_ahead_of_itself() -> None:
    truth = np.tile(np.arange(3), (9, 1))
    difference = Bootstrap(cell({"a": truth > 0}, truth)).difference("a", "a")
    assert (difference.mean, difference.low, difference.high) == (0, 0, 0)


def test_the_best_baseline_is_the_one_that_was_right_most_often() -> None:
    truth = np.tile(np.arange(3), (9, 1))
    found = cell({"low": truth == 0, "high": truth > 0, "ours": truth >= 0}, truth)
    assert best_baseline(found, ["low", "high"]) == "high"
    assert best_baseline(found, []) is None


def test_confusion_counts_what_was_taken_for_what() -> None:
    truth = np.array([[0, 1, 2], [0, 1, -1]])
    found = cell({"a": np.array([[True, False, True], [False, False, True]])}, truth)
    assert confusion(found, "a", ["x", "y", "z"]).tolist() == [[1, 1, 0], [0, 0, 2], [0, 0, 1]]


def test_true_probabilities_have_no_calibration_error_and_false_ones_have() -> None:
    random = np.random.default_rng(0)
    sure = random.random(200_000)
    assert binned(sure, random.random(200_000) < sure)[1] < 0.01
    curve, error = binned(np.full(1000, 0.9), np.arange(1000) < 600)
    assert error == pytest.approx(0.3)
    assert (curve["sure"][13], curve["right"][13], curve["share"][13]) == (pytest.approx(0.9), 0.6, 1.0)


def test_reliability_looks_at_questions_only() -> None:
    truth = np.array([[0, 1, -1, -1]])
    found = cell({"a": np.array([[True, False, True, True]])}, truth, sure=0.7)
    assert reliability(found, "a")[1] == pytest.approx(0.2)
