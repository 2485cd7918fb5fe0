"""Entropic optimal transport, batched, in the log domain, always in float32 (eq. 5-9)."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Gradient = Literal["detached", "unrolled"]


def cosines(
    left: Float[Tensor, "batch rows dim"], right: Float[Tensor, "others columns dim"]
) -> Float[Tensor, "batch others rows columns"]:
    """cos(x, y) = x·y / (|x| |y|) of every row with every other row, in float32; a row of zeros is at cosine 0.

    One product for all pairs: an expanded batch of small ones took 25 times as long in training.
    """
    x = torch.nn.functional.normalize(left.float(), dim=-1)
    y = torch.nn.functional.normalize(right.float(), dim=-1)
    return torch.einsum("brd,ocd->borc", x, y)


def transport_plan(
    cost: Float[Tensor, "*problems rows columns"],
    a: Float[Tensor, "*problems rows"],
    b: Float[Tensor, "*problems columns"],
    *,
    epsilon: float,
    iterations: int = 100,
    tolerance: float = 1e-3,
) -> Float[Tensor, "*problems rows columns"]:
    """The plan T of least cost plus entropy: min <T, C> - ε h(T) with T 1 = a and Tᵀ 1 = b (eq. 5, 6, 8).

    A weight of 0 in `a` or `b` masks that row or column, so that ragged problems share a batch; each of a problem's two
    marginals sums to 1. A problem stops by itself once its row sums are within `tolerance` (summed absolute error) of
    `a`, so that its plan does not depend on its neighbours; the column sums are exact after every iteration.
    """
    shape = cost.shape
    scaled = -cost.float().reshape(-1, *shape[-2:]) / epsilon
    log_a = a.float().expand(shape[:-1]).reshape(-1, shape[-2]).log()
    log_b = b.float().expand(*shape[:-2], shape[-1]).reshape(-1, shape[-1]).log()
    spread = scaled.amax((1, 2)) - scaled.amin((1, 2))
    # A gradient through the iterations needs logarithms: a masked row's exponential is 0, and so is its quotient.
    narrow = (spread <= WIDEST) & (not scaled.requires_grad)
    if bool(narrow.all()):
        return _solved(_on_exponentials, scaled, log_a, log_b, iterations, tolerance).reshape(shape)
    plan = torch.zeros_like(scaled)
    for steps, chosen in ((_on_exponentials, narrow), (_on_logarithms, ~narrow)):
        if bool(chosen.any()):
            solved = _solved(steps, scaled[chosen], log_a[chosen], log_b[chosen], iterations, tolerance)
            plan = plan.masked_scatter(chosen[:, None, None], solved)
    return plan.reshape(shape)


def transported_similarity(
    similarity: Float[Tensor, "*problems rows columns"],
    a: Float[Tensor, "*problems rows"],
    b: Float[Tensor, "*problems columns"],
    *,
    epsilon: float,
    iterations: int = 100,
    tolerance: float = 1e-3,
    gradient: Gradient = "detached",
) -> Float[Tensor, "*problems"]:
    """Sim = Σ T_ij cos_ij, in [-1, 1], with the plan for the cost 1 - cos (eq. 7, 9).

    `detached` treats the plan as a constant (exact for the entropic objective, by Danskin); `unrolled` goes through it.
    """
    similarity = similarity.float()
    with torch.set_grad_enabled(torch.is_grad_enabled() and gradient == "unrolled"):
        plan = transport_plan(1 - similarity, a, b, epsilon=epsilon, iterations=iterations, tolerance=tolerance)
    return (plan * similarity).sum((-2, -1))


CHECK_EVERY = 5
"""Iterations between two looks at which problems have converged."""
WIDEST = 60.0
"""Up to this spread of -C / ε the iterations run on exponentials, which float32 holds; beyond it on logarithms."""


Steps = Callable[[Tensor, Tensor, Tensor, Tensor, int], tuple[Tensor, Tensor]]


def _solved(
    steps: Steps,
    scaled: Float[Tensor, "problems rows columns"],
    log_a: Float[Tensor, "problems rows"],
    log_b: Float[Tensor, "problems columns"],
    iterations: int,
    tolerance: float,
) -> Float[Tensor, "problems rows columns"]:
    """Sinkhorn (eq. 8), dropping problems as they converge."""
    plan = torch.zeros_like(scaled)
    active = torch.arange(len(scaled), device=scaled.device)
    state = torch.where(log_b.isneginf(), log_b, 0.0)  # k2 = 1, but padding must not take part even in the first step
    problems = (scaled - scaled.amax((1, 2), keepdim=True), log_a, log_b)
    for done in range(CHECK_EVERY, iterations + CHECK_EVERY, CHECK_EVERY):
        count = min(CHECK_EVERY, iterations + CHECK_EVERY - done)
        now, state = steps(*problems, state, count)
        finished = (now.sum(2) - problems[1].exp()).abs().sum(1) < tolerance
        if done >= iterations:
            finished = torch.ones_like(finished)
        plan = plan.index_copy(0, active[finished], now[finished])
        if bool(finished.all()):
            break
        rest = ~finished
        problems = (problems[0][rest], problems[1][rest], problems[2][rest])
        state, active = state[rest], active[rest]
    return plan


def _on_exponentials(
    scaled: Float[Tensor, "problems rows columns"],
    log_a: Float[Tensor, "problems rows"],
    log_b: Float[Tensor, "problems columns"],
    g: Float[Tensor, "problems columns"],
    count: int,
) -> tuple[Float[Tensor, "problems rows columns"], Float[Tensor, "problems columns"]]:
    """(the plan, log k2) after `count` iterations of k1 <- a / (K k2), k2 <- b / (Kᵀ k1)."""
    kernel, a, b = scaled.exp(), log_a.exp()[:, :, None], log_b.exp()[:, None, :]
    k2 = g.exp()[:, None, :]
    for _ in range(count):
        k1 = a / (kernel @ k2.mT)
        k2 = b / (k1.mT @ kernel)
    return k1 * kernel * k2, k2[:, 0].log()


def _on_logarithms(
    scaled: Float[Tensor, "problems rows columns"],
    log_a: Float[Tensor, "problems rows"],
    log_b: Float[Tensor, "problems columns"],
    g: Float[Tensor, "problems columns"],
    count: int,
) -> tuple[Float[Tensor, "problems rows columns"], Float[Tensor, "problems columns"]]:
    """The same with f = log k1 and g = log k2."""
    for _ in range(count):
        f = log_a - torch.logsumexp(scaled + g[:, None, :], dim=2)
        g = log_b - torch.logsumexp(scaled + f[:, :, None], dim=1)
    return (scaled + f[:, :, None] + g[:, None, :]).exp(), g
