from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np
import ot
import ot.batch
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from literal import plan as literal_plan
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mgcld.model.transport import cosines, transport_plan, transported_similarity

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = st.integers(0, 2**32 - 1)
SIDES = st.integers(1, 7)
EPSILONS = st.sampled_from([0.1, 0.3, 1.0])
SLOWLY = settings(deadline=None, max_examples=40)


@dataclass(frozen=True)
class Problems:
    cost: Tensor
    """(problems, rows, columns): 1 - cos."""
    a: Tensor
    b: Tensor

    def plan(self, epsilon: float, iterations: int = 3000, tolerance: float = 1e-6) -> Tensor:
        return transport_plan(self.cost, self.a, self.b, epsilon=epsilon, iterations=iterations, tolerance=tolerance)


def problems(seed: int, count: int, rows: int, columns: int) -> Problems:
    rng = np.random.default_rng(seed)
    cost = 1 - unit_rows(rng, count, rows, 16) @ unit_rows(rng, count, columns, 16).mT
    a, b = (rng.dirichlet(np.full(side, 3.0), count) for side in (rows, columns))
    return Problems(cost, torch.tensor(a, dtype=torch.float32), torch.tensor(b, dtype=torch.float32))


def uniform(count: int, side: int) -> Tensor:
    return torch.full((count, side), 1 / side)


def unit_rows(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.nn.functional.normalize(torch.tensor(rng.normal(size=shape), dtype=torch.float32), dim=-1)


@SLOWLY
@given(seed=SEEDS, rows=SIDES, columns=SIDES, epsilon=EPSILONS)
def test_the_marginals_of_the_plan_are_the_weights(seed: int, rows: int, columns: int, epsilon: float) -> None:
    given_problems = problems(seed, 3, rows, columns)
    plan = given_problems.plan(epsilon)
    assert plan.min() >= 0
    assert torch.allclose(plan.sum(2), given_problems.a, atol=1e-5)
    assert torch.allclose(plan.sum(1), given_problems.b, atol=1e-5)


@SLOWLY
@given(seed=SEEDS, epsilon=EPSILONS, tolerance=st.sampled_from([1e-1, 1e-2, 1e-3]))
def test_a_problem_stops_within_the_tolerance(seed: int, epsilon: float, tolerance: float) -> None:
    given_problems = problems(seed, 4, 5, 7)
    plan = given_problems.plan(epsilon, tolerance=tolerance)
    assert ((plan.sum(2) - given_problems.a).abs().sum(1) < tolerance + 1e-5).all()
    assert torch.allclose(plan.sum(1), given_problems.b, atol=1e-5)


@SLOWLY
@given(seed=SEEDS, rows=SIDES, columns=SIDES, epsilon=EPSILONS)
def test_the_similarity_is_the_same_in_both_directions(seed: int, rows: int, columns: int, epsilon: float) -> None:
    given_problems = problems(seed, 3, rows, columns)
    similarity, a, b = 1 - given_problems.cost, given_problems.a, given_problems.b
    there = transported_similarity(similarity, a, b, epsilon=epsilon, iterations=3000, tolerance=1e-6)
    back = transported_similarity(similarity.mT, b, a, epsilon=epsilon, iterations=3000, tolerance=1e-6)
    assert torch.allclose(there, back, atol=1e-5)


@SLOWLY
@given(seed=SEEDS, rows=SIDES, columns=SIDES)
def test_permuted_segments_have_the_permuted_plan_and_the_same_similarity(seed: int, rows: int, columns: int) -> None:
    p = problems(seed, 2, rows, columns)
    rng = np.random.default_rng(seed)
    r, c = torch.from_numpy(rng.permutation(rows)), torch.from_numpy(rng.permutation(columns))
    mixed = Problems(p.cost[:, r][:, :, c], p.a[:, r], p.b[:, c])
    assert torch.allclose(mixed.plan(0.1), p.plan(0.1)[:, r][:, :, c], atol=1e-5)
    same, other = (transported_similarity(1 - q.cost, q.a, q.b, epsilon=0.1) for q in (p, mixed))
    assert torch.allclose(same, other, atol=1e-5)


@SLOWLY
@given(seed=SEEDS, rows=SIDES, columns=SIDES)
def test_the_plan_becomes_the_product_of_the_weights_as_epsilon_grows(seed: int, rows: int, columns: int) -> None:
    p = problems(seed, 3, rows, columns)
    product = p.a[:, :, None] * p.b[:, None, :]
    distance = [float((p.plan(epsilon) - product).abs().max()) for epsilon in (1.0, 10.0, 1e4)]
    assert distance[2] < 1e-4
    assert distance[0] + 1e-6 >= distance[1] >= distance[2] - 1e-6


def test_the_plan_becomes_the_best_assignment_as_epsilon_shrinks() -> None:
    side, epsilon = 5, 0.005
    p = Problems(problems(4, 20, side, side).cost, uniform(20, side), uniform(20, side))
    plan = p.plan(epsilon, iterations=20_000, tolerance=1e-4)
    for cost, found in zip(p.cost.numpy(), plan.numpy(), strict=True):
        rows, columns = linear_sum_assignment(cost)
        optimum = cost[rows, columns].sum() / side
        assert optimum - 1e-3 <= (found * cost).sum() <= optimum + epsilon * log(side) + 1e-3
    clear = [i for i, cost in enumerate(p.cost.numpy()) if _margin(cost) > 20 * epsilon]
    assert len(clear) >= 10
    for i in clear:
        rows, columns = linear_sum_assignment(p.cost[i].numpy())
        assert plan[i][rows, columns].numpy() == pytest.approx(1 / side, abs=1e-2)


def _margin(cost: np.ndarray) -> float:
    """How much more the best assignment costs when one of its pairs is forbidden."""
    rows, columns = linear_sum_assignment(cost)
    best = cost[rows, columns].sum()
    others = []
    for row, column in zip(rows, columns, strict=True):
        dear = cost.copy()
        dear[row, column] = 100
        others.append(dear[linear_sum_assignment(dear)].sum())
    return float(min(others) - best)


POT: "dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]]" = {
    "sinkhorn": lambda a, b, cost, epsilon: ot.sinkhorn(a, b, cost, epsilon, numItermax=5000, stopThr=1e-9),
    "sinkhorn_log": lambda a, b, cost, epsilon: ot.bregman.sinkhorn_log(
        a, b, cost, epsilon, numItermax=5000, stopThr=1e-9
    ),
    "written out": lambda a, b, cost, epsilon: literal_plan(cost, a, b, epsilon),
}


@pytest.mark.parametrize("epsilon", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("solver", POT)
def test_every_problem_agrees_with_another_solver(solver: str, epsilon: float) -> None:
    p = problems(7, 4, 5, 8)
    plan = p.plan(epsilon, 5000, 1e-6).double().numpy()
    a, b, cost = (each.double().numpy() for each in (p.a, p.b, p.cost))
    for i in range(len(cost)):
        other = POT[solver](a[i] / a[i].sum(), b[i] / b[i].sum(), cost[i], epsilon)
        assert np.abs(plan[i] - other).max() < 1e-5


@pytest.mark.parametrize("epsilon", [0.05, 0.1, 1.0])
def test_a_batch_agrees_with_pots_batch(epsilon: float) -> None:
    p = problems(8, 6, 5, 8)
    other = ot.batch.solve_batch(
        p.cost.double(), epsilon, p.a.double(), p.b.double(), max_iter=5000, tol=1e-9, method="log_sinkhorn"
    )
    assert (p.plan(epsilon, 5000, 1e-6) - other.plan).abs().max() < 1e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_halves_give_finite_float32(dtype: torch.dtype, epsilon: float) -> None:
    rng = np.random.default_rng(3)
    rows, columns = unit_rows(rng, 6, 7, 33), unit_rows(rng, 2, 5, 33)
    a, b = uniform(6, 7)[:, None].expand(6, 2, 7), uniform(2, 5)[None].expand(6, 2, 5)
    exact = transported_similarity(cosines(rows, columns), a, b, epsilon=epsilon)
    similarity = cosines(rows.to(dtype), columns.to(dtype))
    halved = transported_similarity(similarity, a.to(dtype), b.to(dtype), epsilon=epsilon)
    plan = transport_plan((1 - similarity).to(dtype), a.to(dtype), b.to(dtype), epsilon=epsilon)
    assert similarity.dtype == halved.dtype == plan.dtype == torch.float32
    assert plan.isfinite().all()
    assert torch.allclose(halved, exact, atol=2e-2)


@pytest.mark.parametrize("epsilon", [0.005, 0.001])
def test_a_small_epsilon_stays_finite(epsilon: float) -> None:
    p = problems(9, 5, 6, 9)
    plan = p.plan(epsilon, iterations=100)
    assert plan.isfinite().all()
    assert torch.allclose(plan.sum(1), p.b, atol=1e-4)


@SLOWLY
@given(
    seed=SEEDS,
    rows=SIDES,
    columns=SIDES,
    more_rows=st.integers(0, 3),
    more_columns=st.integers(0, 3),
    epsilon=EPSILONS,
    iterations=st.sampled_from([1, 2, 5, 50]),
)
def test_padding_changes_nothing(
    seed: int, rows: int, columns: int, more_rows: int, more_columns: int, epsilon: float, iterations: int
) -> None:
    p = problems(seed, 2, rows, columns)
    rng = np.random.default_rng(seed)
    cost = torch.tensor(rng.uniform(0, 2, (2, rows + more_rows, columns + more_columns)), dtype=torch.float32)
    cost[:, :rows, :columns] = p.cost
    pad = torch.nn.functional.pad
    plan = Problems(cost, pad(p.a, (0, more_rows)), pad(p.b, (0, more_columns))).plan(epsilon, iterations, 0.0)
    assert torch.allclose(plan[:, :rows, :columns], p.plan(epsilon, iterations, 0.0), atol=1e-5)
    assert not plan[:, rows:].any()
    assert not plan[:, :, columns:].any()


def test_problems_of_different_sizes_share_a_batch() -> None:
    sizes = [(1, 6), (3, 2), (5, 4), (2, 6)]
    alone = [problems(seed, 1, *size) for seed, size in enumerate(sizes)]
    cost, a, b = torch.ones(4, 5, 6), torch.zeros(4, 5), torch.zeros(4, 6)
    for i, ((rows, columns), p) in enumerate(zip(sizes, alone, strict=True)):
        cost[i, :rows, :columns], a[i, :rows], b[i, :columns] = p.cost[0], p.a[0], p.b[0]
    plan = Problems(cost, a, b).plan(0.05)
    for i, ((rows, columns), p) in enumerate(zip(sizes, alone, strict=True)):
        assert torch.allclose(plan[i, :rows, :columns], p.plan(0.05)[0], atol=1e-6)
        assert float(plan[i].sum()) == pytest.approx(1, abs=1e-5)


def _easy_and_hard() -> Problems:
    """One problem that soon converges (its costs are much alike), between two that do not."""
    p = problems(11, 3, 5, 7)
    cost = p.cost.clone()
    cost[1] *= 0.2
    return Problems(cost, p.a, p.b)


def test_a_plan_does_not_depend_on_its_neighbours() -> None:
    p = _easy_and_hard()
    together = p.plan(0.02, 100, 1e-3)
    for i in range(3):
        alone = Problems(p.cost[i : i + 1], p.a[i : i + 1], p.b[i : i + 1]).plan(0.02, 100, 1e-3)
        assert torch.allclose(together[i], alone[0], rtol=0, atol=1e-7)


def test_an_easy_problem_stops_while_a_hard_one_goes_on() -> None:
    p = _easy_and_hard()
    early, late = p.plan(0.02, 10, 1e-3), p.plan(0.02, 100, 1e-3)
    assert torch.equal(early[1], late[1])
    assert not torch.allclose(p.plan(0.02, 100, 0.0)[1], late[1], rtol=0, atol=1e-5)
    for hard in (0, 2):
        assert not torch.allclose(early[hard], late[hard], rtol=0, atol=1e-5)


def test_any_axes_may_lead() -> None:
    p = problems(12, 6, 5, 7)
    flat = p.plan(0.1)
    shaped = Problems(p.cost.view(2, 3, 5, 7), p.a.view(2, 3, 5), p.b.view(2, 3, 7)).plan(0.1)
    single = Problems(p.cost[4], p.a[4], p.b[4]).plan(0.1)
    assert torch.equal(shaped, flat.view(2, 3, 5, 7))
    assert torch.allclose(single, flat[4], rtol=0, atol=1e-7)
    assert Problems(p.cost[:0], p.a[:0], p.b[:0]).plan(0.1).shape == (0, 5, 7)


def test_cosine_is_of_every_pair_and_of_zeros_zero() -> None:
    rng = np.random.default_rng(5)
    rows, columns = 3 * rng.normal(size=(4, 11)), rng.normal(size=(6, 11))
    rows[2] = 0
    found = cosines(torch.tensor(rows[None], dtype=torch.float32), torch.tensor(columns[None], dtype=torch.float32))[
        0, 0
    ]
    lengths = np.maximum(np.linalg.norm(rows, axis=1), 1e-9)[:, None] * np.linalg.norm(columns, axis=1)
    assert found.numpy() == pytest.approx(rows @ columns.T / lengths, abs=1e-6)
    assert not found[2].any()


def test_the_detached_gradient_takes_the_plan_for_a_constant() -> None:
    p = problems(13, 3, 5, 7)
    similarity = (1 - p.cost).requires_grad_()
    transported_similarity(similarity, p.a, p.b, epsilon=0.1).sum().backward()
    assert similarity.grad is not None
    assert torch.equal(similarity.grad, transport_plan(1 - similarity.detach(), p.a, p.b, epsilon=0.1))


def test_the_unrolled_gradient_agrees_with_finite_differences() -> None:
    p = problems(14, 1, 3, 4)
    similarity = (1 - p.cost).requires_grad_()
    transported_similarity(
        similarity, p.a, p.b, epsilon=0.3, iterations=300, tolerance=0.0, gradient="unrolled"
    ).sum().backward()
    assert similarity.grad is not None
    a, b = (each[0].double().numpy() for each in (p.a, p.b))
    cos = similarity.detach()[0].double().numpy()
    for i in range(3):
        for j in range(4):
            values = []
            for step in (1e-5, -1e-5):
                moved = cos.copy()
                moved[i, j] += step
                values.append((literal_plan(1 - moved, a / a.sum(), b / b.sum(), 0.3) * moved).sum())
            assert float(similarity.grad[0, i, j]) == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-4)


def test_the_two_gradients_differ() -> None:
    p = problems(15, 2, 3, 4)
    gradients = []
    for gradient in ("detached", "unrolled"):
        similarity = (1 - p.cost).requires_grad_()
        transported_similarity(similarity, p.a, p.b, epsilon=0.3, gradient=gradient).sum().backward()
        assert similarity.grad is not None
        gradients.append(similarity.grad)
    assert (gradients[0] - gradients[1]).abs().max() > 1e-2


def test_a_masked_problem_has_a_finite_unrolled_gradient() -> None:
    p = problems(16, 2, 3, 4)
    pad = torch.nn.functional.pad
    similarity = pad(1 - p.cost, (0, 2, 0, 1)).requires_grad_()
    a, b = pad(p.a, (0, 1)), pad(p.b, (0, 2))
    transported_similarity(similarity, a, b, epsilon=0.1, gradient="unrolled").sum().backward()
    assert similarity.grad is not None
    assert similarity.grad.isfinite().all()
    assert not similarity.grad[:, 3:].any()
