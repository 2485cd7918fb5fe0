from collections.abc import Sequence
from dataclasses import replace

import literal
import numpy as np
import pytest
import torch
from literal import BETTER, PAPER, Reading
from worlds import CLASSES, LABELS, SHOTS, World, converged, world

import mgcld.model.cache
from mgcld.model import options
from mgcld.model.cache import Keys, affinity, evidence, fine_similarity, marginals
from mgcld.model.options import MethodOptions
from mgcld.model.parts import cache_logits, cohesions, similarities

UNSOLVED = replace(BETTER, solved=0.0)
"""What solved values add is the head's: see `test_head` and `test_solved`."""
MODES = pytest.mark.parametrize(
    ("given", "reading"),
    [
        pytest.param(options.PAPER, PAPER, id="paper"),
        pytest.param(options.MGCL_PLUS, UNSOLVED, id="mgcl+"),
        pytest.param(replace(options.PAPER, cache="closeness"), replace(PAPER, summed=False), id="closeness"),
        pytest.param(
            replace(options.MGCL_PLUS, beta=2.0, epsilon=0.3),
            replace(UNSOLVED, beta=2.0, epsilon=0.3),
            id="closeness, beta 2, epsilon 0.3",
        ),
        pytest.param(
            replace(options.PAPER, marginals="encoder"), replace(PAPER, uniform=False), id="encoder's marginals"
        ),
        pytest.param(replace(options.PAPER, beta=2.0), replace(PAPER, beta=2.0), id="beta 2"),
        pytest.param(replace(options.PAPER, epsilon=0.3), replace(PAPER, epsilon=0.3), id="epsilon 0.3"),
    ],
)


def logits(
    made: World,
    given: MethodOptions,
    masked: torch.Tensor | None = None,
    only: Sequence[int] = range(SHOTS),
) -> tuple[np.ndarray, np.ndarray]:
    """What the cache says of the windows, with a mask or with some of the shots only."""
    chosen = torch.tensor(only)
    keys, values = made.keys[chosen], made.values[chosen]
    alike = cohesions(similarities(keys, keys, given), values, given, masked)
    coarse, fine = cache_logits(similarities(made.query, keys, given), values, alike, given, masked)
    return coarse.numpy(), fine.numpy()


@MODES
@pytest.mark.parametrize("seed", range(3))
def test_the_cache_is_what_equations_1_to_11_or_the_closeness_say(
    seed: int, given: MethodOptions, reading: Reading
) -> None:
    made = world(seed)
    coarse, fine = logits(made, converged(given))
    for b, window in enumerate(made.windows):
        wanted = literal.said_by_cache(window, made.shots, LABELS, CLASSES, reading)
        assert coarse[b] == pytest.approx(wanted[0], abs=1e-5)
        assert fine[b] == pytest.approx(wanted[1], abs=1e-5)


@pytest.mark.parametrize("given", [options.PAPER, options.MGCL_PLUS])
def test_stopping_early_costs_less_than_the_tolerance(given: MethodOptions) -> None:
    made = world()
    early = fine_similarity(made.query, made.keys, given)
    exact = fine_similarity(made.query, made.keys, converged(given))
    assert (early - exact).abs().max() < given.tolerance


def test_similarities_lie_at_window_and_shot() -> None:
    made = world(4)
    near = similarities(made.query, made.keys, converged(options.PAPER))
    for b, window in enumerate(made.windows):
        for i, shot in enumerate(made.shots):
            p, q = literal.mass(window, PAPER), literal.mass(shot, PAPER)
            assert float(near.coarse[b, i]) == pytest.approx(
                literal.cos(literal.coarse(window), literal.coarse(shot)), abs=1e-6
            )
            assert float(near.fine[b, i]) == pytest.approx(
                literal.sim_ot(window.segments, shot.segments, p, q, 0.1), abs=1e-5
            )


def test_padding_carries_no_mass() -> None:
    weights = torch.tensor([[0.7, 0.3, 0.0], [0.2, 0.5, 0.3]])
    assert marginals(weights, options.PAPER).tolist() == [[0.5, 0.5, 0.0], pytest.approx([1 / 3] * 3)]
    assert torch.equal(marginals(weights, options.MGCL_PLUS), weights)


def test_more_padding_changes_nothing() -> None:
    made = world(5)
    pad = torch.nn.functional.pad
    longer = Keys(made.keys.coarse, pad(made.keys.fine, (0, 0, 0, 3)), pad(made.keys.weights, (0, 3)))
    for given in (options.PAPER, options.MGCL_PLUS):
        same = fine_similarity(made.query, made.keys, given)
        assert torch.allclose(fine_similarity(made.query, longer, given), same, atol=1e-6)


def test_a_large_support_set_is_compared_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(6)
    whole = fine_similarity(made.query, made.keys, options.PAPER)
    monkeypatch.setattr(mgcld.model.cache, "CELLS", 1)
    assert torch.allclose(fine_similarity(made.query, made.keys, options.PAPER), whole, rtol=0, atol=1e-6)


def test_features_of_half_precision_are_compared_in_float32() -> None:
    made = world(7)
    halved = Keys(made.keys.coarse, made.keys.fine.half(), made.keys.weights)
    near = fine_similarity(made.query, halved, options.PAPER)
    assert near.dtype == torch.float32
    assert torch.allclose(near, fine_similarity(made.query, made.keys, options.PAPER), atol=2e-3)


def test_affinity_is_1_at_the_same_direction_and_falls_with_beta() -> None:
    similarity = torch.tensor([[1.0, 0.5, -1.0]])
    assert affinity(similarity, 5.0)[0].tolist() == pytest.approx([1.0, np.exp(-2.5), np.exp(-10)])


@pytest.mark.parametrize("given", [options.PAPER, options.MGCL_PLUS])
@pytest.mark.parametrize("hidden", [3, 7], ids=["of three", "of two"])
def test_a_masked_key_is_as_if_it_were_not_there(given: MethodOptions, hidden: int) -> None:
    made = world(8)
    masked = torch.zeros(len(made.windows), SHOTS, dtype=torch.bool)
    masked[1, hidden] = masked[3, hidden] = True
    everything, without = logits(made, given), logits(made, given, masked)
    rest = [i for i in range(SHOTS) if i != hidden]
    removed = logits(made, given, only=rest)
    for grain in range(2):
        for b in range(len(made.windows)):
            wanted = removed[grain][b] if b in (1, 3) else everything[grain][b]
            assert without[grain][b] == pytest.approx(wanted, abs=1e-6)


def test_a_class_whose_only_key_is_masked_has_no_evidence() -> None:
    made = world(9)
    masked = torch.zeros(len(made.windows), SHOTS, dtype=torch.bool)
    masked[:, LABELS.index(3)] = True
    near = similarities(made.query, made.keys, options.PAPER)
    assert not evidence(near.coarse, made.values, options.PAPER, masked=masked)[:, 3].any()
    assert bool((evidence(near.coarse, made.values, options.PAPER, masked=masked)[:, :3] > 0).all())
