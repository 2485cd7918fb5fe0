"""How near a window is to a class: the cosine to the mean of the class's shots, where the affinity is the product."""

from dataclasses import replace

import literal
import numpy as np
import pytest
import torch
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from literal import BETTER
from worlds import BATCH, CLASSES, LABELS, SHOTS, World, audio_features, converged, world

from mgcld.model.cache import Keys, affinity, cohesion, evidence, keys_of
from mgcld.model.options import MGCL_PLUS, PAPER, MethodOptions
from mgcld.model.parts import Similarities, closeness, closenesses, cohesions, similarities

EXACT = converged(MGCL_PLUS)
unit = torch.nn.functional.normalize


def near(query: Keys, shots: Keys, values: torch.Tensor, options: MethodOptions = EXACT) -> Similarities:
    """Closeness of each query to each class, both grains."""
    alike = cohesions(similarities(shots, shots, options), values, options)
    return Similarities(*closenesses(similarities(query, shots, options), values, alike, options))


def clustered(seed: int, classes: int, spread: float, dim: int, segments: int) -> tuple[Keys, torch.Tensor]:
    """Three shots a class around a middle, and their values."""
    random = torch.Generator().manual_seed(seed)
    middles = torch.randn(classes, 1, 1, dim, generator=random)
    fine = unit(middles + spread * torch.randn(classes, 3, segments, dim, generator=random), dim=-1).flatten(0, 1)
    weights = 0.05 + torch.rand(3 * classes, segments, generator=random)
    values = torch.eye(classes).repeat_interleave(3, 0)
    return Keys(unit(fine.mean(1), dim=-1), fine, weights / weights.sum(1, keepdim=True)), values


def vectors(kernel: torch.Tensor) -> np.ndarray:
    """Rows whose products are a kernel matrix, by its eigenvectors; it must be positive."""
    symmetric = kernel.double().numpy()
    assert np.abs(symmetric - symmetric.T).max() < 1e-5
    lengths, directions = np.linalg.eigh((symmetric + symmetric.T) / 2)
    assert lengths.min() > 0
    return np.asarray(directions * np.sqrt(lengths))


@pytest.mark.parametrize("grain", ["coarse", "fine"])
@pytest.mark.parametrize("seed", range(3))
def test_closeness_is_the_cosine_to_the_mean_of_the_shots_in_the_space_of_the_kernel(seed: int, grain: str) -> None:
    made = world(seed)
    everything = keys_of(audio_features([*made.windows, *made.shots]), EXACT)
    rows = vectors(affinity(getattr(similarities(everything, everything, EXACT), grain), EXACT.beta))
    found = getattr(near(made.query, made.keys, made.values), grain)
    for b in range(BATCH):
        for j in range(CLASSES):
            mean = rows[BATCH:][np.array(LABELS) == j].mean(0)
            cosine = rows[b] @ mean / (np.linalg.norm(rows[b]) * np.linalg.norm(mean))
            # A window is as long as the root of its affinity to itself: 1, or less where transport spreads its mass.
            product = cosine * np.linalg.norm(rows[b])
            assert float(found[b, j]) == pytest.approx(max(1 + np.log(product) / EXACT.beta, -1), abs=2e-5)
        if grain == "coarse":
            assert np.linalg.norm(rows[b]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("given", [PAPER, MGCL_PLUS], ids=["paper", "mgcl+"])
def test_the_closeness_that_decides_on_unknown_is_that_of_the_coarse_grain(given: MethodOptions) -> None:
    made, reading = world(10), replace(BETTER, solved=0.0, uniform=given is PAPER)
    given = converged(given)
    alike = cohesions(similarities(made.keys, made.keys, given), made.values, given)
    found = closeness(similarities(made.query, made.keys, given), made.values, alike, given)
    for b, window in enumerate(made.windows):
        coarse, fine = literal.said_by_cache(window, made.shots, LABELS, CLASSES, reading)
        assert found[b].numpy() == pytest.approx(coarse, abs=1e-5)
        assert np.abs(coarse - fine).max() > 1e-3


@settings(deadline=None, max_examples=40)
@given_any(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.0, 0.05, 0.5, 3.0]),
    dim=st.sampled_from([2, 3, 16]),
    segments=st.sampled_from([1, 2, 5]),
)
def test_nothing_is_nearer_than_1_or_farther_than_minus_1(seed: int, spread: float, dim: int, segments: int) -> None:
    shots, values = clustered(seed, 2, spread, dim, segments)
    others, _ = clustered(seed + 1, 4, spread, dim, segments)
    middles = torch.cat([shots.coarse, -shots.coarse])  # as if each shot stood still, and its opposite
    still = Keys(middles, middles[:, None].expand(-1, segments, -1), shots.weights.repeat(2, 1))
    for query in (shots, others, still):
        found = near(query, shots, values, replace(MGCL_PLUS, iterations=300, tolerance=1e-5))
        for grain in (found.coarse, found.fine):
            assert float(grain.max()) <= 1 + 1e-4
            assert float(grain.min()) >= -1


def test_to_a_single_shot_closeness_is_the_similarity() -> None:
    shots, values = clustered(0, 4, 1.0, 13, 1)
    others, _ = clustered(1, 2, 1.0, 13, 1)
    first = torch.arange(0, 12, 3)
    found, plain = near(others, shots[first], values[first]), similarities(others, shots[first], EXACT)
    torch.testing.assert_close(found.coarse, plain.coarse, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.fine, plain.fine, atol=1e-5, rtol=0)


def test_a_shot_of_many_segments_is_given_back_half_of_what_transport_takes_from_itself() -> None:
    shots, values = clustered(0, 4, 1.0, 13, 5)
    others, _ = clustered(1, 2, 1.0, 13, 6)
    first = torch.arange(0, 12, 3)
    found, plain = near(others, shots[first], values[first]), similarities(others, shots[first], EXACT)
    torch.testing.assert_close(found.coarse, plain.coarse, atol=1e-5, rtol=0)
    itself = similarities(shots[first], shots[first], EXACT).fine.diagonal()
    assert bool((itself < 0.995).all())
    torch.testing.assert_close(found.fine, plain.fine + (1 - itself) / 2, atol=1e-5, rtol=0)


@pytest.mark.parametrize("times", [(2, 1, 1, 1), (1, 3, 2, 4)])
def test_the_same_shots_twice_say_no_more_than_once(times: tuple[int, ...]) -> None:
    made = world(11)
    rows = torch.tensor([i for i, label in enumerate(LABELS) for _ in range(times[label])])
    assert len(rows) > SHOTS
    once, more = near(made.query, made.keys, made.values), near(made.query, made.keys[rows], made.values[rows])
    torch.testing.assert_close(more.coarse, once.coarse, atol=1e-5, rtol=0)
    torch.testing.assert_close(more.fine, once.fine, atol=1e-5, rtol=0)


@pytest.mark.parametrize("grain", ["coarse", "fine"])
def test_a_class_of_scattered_shots_is_at_no_disadvantage(grain: str) -> None:
    """One class always sounds the same, the other never; by mean affinity the first would take the other's sounds."""
    random = torch.Generator().manual_seed(0)
    dim, per_class, asked = 256, 5, 40
    first, second = torch.eye(dim)[0], 0.75 * torch.eye(dim)[0] + (1 - 0.75**2) ** 0.5 * torch.eye(dim)[1]
    noise = torch.randn(2 * (per_class + asked), dim, generator=random) / dim**0.5
    tight, scattered = (
        unit(middle + spread * part, dim=-1)
        for middle, spread, part in ((first, 0.1, noise[::2]), (second, 1.0, noise[1::2]))
    )
    rows = torch.cat([tight[:per_class], scattered[:per_class]])
    shots = Keys(rows, rows[:, None], torch.ones(2 * per_class, 1))
    rows = torch.cat([tight[per_class:], scattered[per_class:]])
    query = Keys(rows, rows[:, None], torch.ones(2 * asked, 1))
    values = torch.eye(2).repeat_interleave(per_class, 0)
    truth = torch.arange(2).repeat_interleave(asked)

    compared = getattr(similarities(query, shots, EXACT), grain)
    by_mean = (evidence(compared, values, EXACT) / per_class).argmax(1) == truth
    by_closeness = getattr(near(query, shots, values), grain).argmax(1) == truth
    assert float(by_mean[:asked].float().mean()) > 0.9
    assert float(by_mean[asked:].float().mean()) < 0.5
    assert float(by_closeness[:asked].float().mean()) > 0.9
    assert float(by_closeness[asked:].float().mean()) > 0.9


@pytest.mark.parametrize("grain", ["coarse", "fine"])
def test_cohesion_is_the_length_of_the_mean(grain: str) -> None:
    made = world(12)
    own = getattr(similarities(made.keys, made.keys, EXACT), grain)
    rows = vectors(affinity(own, EXACT.beta))
    found = cohesion(own, made.values, EXACT)
    assert found.shape == (1, CLASSES)
    for j in range(CLASSES):
        wanted = np.linalg.norm(rows[np.array(LABELS) == j].mean(0))
        assert float(found[0, j]) == pytest.approx(wanted, abs=1e-5)


def test_masked_cohesion_is_that_of_the_shots_that_are_left() -> None:
    made = world(13)
    own = similarities(made.keys, made.keys, EXACT)
    random = torch.Generator().manual_seed(1)
    masked = torch.rand(7, SHOTS, generator=random) < 0.3
    masked[0] = False
    masked[1] = torch.arange(SHOTS) == 3
    masked[2] = torch.tensor(LABELS) == 2  # nothing is left of a class
    for grain in (own.coarse, own.fine):
        found = cohesion(grain, made.values, EXACT, masked=masked)
        assert found.shape == (7, CLASSES)
        for b in range(7):
            for j in range(CLASSES):
                left = [i for i, label in enumerate(LABELS) if label == j and not masked[b, i]]
                affinities = [literal.phi(float(grain[i, k]), EXACT.beta) for i in left for k in left]
                wanted = np.sqrt(np.mean(affinities)) if left else 1.0
                assert float(found[b, j]) == pytest.approx(wanted, abs=1e-6)
        torch.testing.assert_close(found[:1], cohesion(grain, made.values, EXACT), atol=1e-6, rtol=0)


def test_each_shot_masked_by_itself_is_as_near_as_without_it() -> None:
    made = world(14)
    own = similarities(made.keys, made.keys, EXACT)
    itself = torch.eye(SHOTS, dtype=torch.bool)
    masked = closenesses(own, made.values, cohesions(own, made.values, EXACT, itself), EXACT, itself)
    for i, label in enumerate(LABELS):
        rest = torch.tensor([k for k in range(SHOTS) if k != i])
        if LABELS.count(label) == 1:
            assert float(masked[0][i, label]) == float(masked[1][i, label]) == -1
            continue
        wanted = near(made.keys[torch.tensor([i])], made.keys[rest], made.values[rest])
        torch.testing.assert_close(masked[0][i], wanted.coarse[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(masked[1][i], wanted.fine[0], atol=1e-5, rtol=0)


def test_a_class_without_a_shot_left_is_as_far_as_can_be() -> None:
    made = world(15)
    masked = torch.zeros(BATCH, SHOTS, dtype=torch.bool)
    masked[2] = torch.tensor(LABELS) == 2
    masked[4] = True
    alike = cohesions(similarities(made.keys, made.keys, EXACT), made.values, EXACT, masked)
    for grain in closenesses(similarities(made.query, made.keys, EXACT), made.values, alike, EXACT, masked):
        assert float(grain[2, 2]) == -1
        assert grain[4].tolist() == [-1.0] * CLASSES
        assert int((grain == -1).sum()) == 1 + CLASSES
        assert bool(grain.isfinite().all())


def test_the_farthest_sound_is_at_minus_1_and_no_number_is_lost() -> None:
    row = unit(torch.tensor([[3.0, 4.0, 1.0]]), dim=-1)
    shot, opposite = Keys(row, row[:, None], torch.ones(1, 1)), Keys(-row, -row[:, None], torch.ones(1, 1))
    for options in (EXACT, replace(EXACT, beta=40.0)):
        assert float(near(shot, shot, torch.ones(1, 1), options).coarse) == pytest.approx(1, abs=1e-6)
        assert float(near(shot, shot, torch.ones(1, 1), options).fine) == pytest.approx(1, abs=1e-6)
        assert float(near(opposite, shot, torch.ones(1, 1), options).coarse) == pytest.approx(-1, abs=1e-6)


def test_worlds_have_a_class_of_one_and_classes_of_many() -> None:
    """What the tests above rely on."""
    made: World = world()
    assert sorted(made.values.sum(0).tolist()) == [1, 2, 3, 3]
