"""Ten things that must be true of the method, whatever the code: the oracles of our notes on the paper."""

from dataclasses import replace

import literal
import numpy as np
import ot
import pytest
import torch
from mgcld_plugins.encoders.mini import MiniEncoder
from scipy.optimize import linear_sum_assignment
from worlds import AUDIO, CLASSES, LABELS, converged, world

from mgcld.model.cache import Keys, fine_similarity, marginals
from mgcld.model.contrast import Explanations, Fusion, coarse_contrast
from mgcld.model.options import MGCL_PLUS, PAPER, MethodOptions
from mgcld.model.parts import Cohesion, cache_logits, contrast_logits, similarities
from mgcld.model.transport import cosines, transport_plan

MODES = pytest.mark.parametrize("options", [converged(PAPER), converged(MGCL_PLUS)], ids=["paper", "mgcl+"])


def keys(seed: int, count: int, segments: int) -> Keys:
    """Shots that all have so many segments, with encoder's weights of their own."""
    rng = np.random.default_rng(seed)
    fine = torch.nn.functional.normalize(torch.tensor(rng.normal(size=(count, segments, AUDIO))).float(), dim=-1)
    weights = torch.tensor(rng.dirichlet(np.full(segments, 3.0), count)).float()
    return Keys(torch.nn.functional.normalize(fine.mean(1), dim=-1), fine, weights)


@MODES
def test_1_between_single_segments_transport_is_the_cosine(options: MethodOptions) -> None:
    query, shots = keys(0, 3, 1), keys(1, 7, 1)
    assert torch.allclose(fine_similarity(query, shots, options), query.fine[:, 0] @ shots.fine[:, 0].T, atol=1e-6)
    one = torch.ones(3, 7, 1)
    assert torch.allclose(transport_plan(one[..., None], one, one, epsilon=0.1), one[..., None], atol=1e-6)


@MODES
def test_2_with_a_huge_epsilon_transport_is_the_product_of_the_means(options: MethodOptions) -> None:
    query, shots = keys(2, 3, 6), keys(3, 7, 4)
    of_query, of_shots = (torch.einsum("ns,nsd->nd", marginals(k.weights, options), k.fine) for k in (query, shots))
    near = fine_similarity(query, shots, replace(options, epsilon=1e5))
    assert torch.allclose(near, of_query @ of_shots.T, atol=1e-4)


@MODES
def test_3_the_order_of_segments_means_nothing(options: MethodOptions) -> None:
    query, shots = keys(4, 3, 6), keys(5, 7, 4)
    order = torch.tensor([2, 0, 3, 1])
    mixed = Keys(shots.coarse, shots.fine[:, order], shots.weights[:, order])
    assert torch.allclose(fine_similarity(query, mixed, options), fine_similarity(query, shots, options), atol=1e-5)


@MODES
def test_4_similarity_is_the_same_in_both_directions(options: MethodOptions) -> None:
    query, shots = keys(6, 3, 6), keys(7, 7, 4)
    there, back = fine_similarity(query, shots, options), fine_similarity(shots, query, options)
    assert torch.allclose(there, back.T, atol=1e-5)


def test_5_with_a_small_epsilon_transport_is_the_best_assignment() -> None:
    query, shots = keys(8, 3, 5), keys(9, 7, 5)
    near = fine_similarity(query, shots, replace(PAPER, epsilon=0.005, iterations=5000, tolerance=1e-4))
    pairs = cosines(query.fine, shots.fine).numpy()
    for b in range(3):
        for i in range(7):
            best = pairs[b, i][linear_sum_assignment(-pairs[b, i])].mean()
            assert float(near[b, i]) == pytest.approx(best, abs=0.005 * np.log(5) + 1e-3)


def test_6_without_sharpness_the_cache_counts_the_shots() -> None:
    made = world()
    options = replace(PAPER, beta=0.0)
    near = similarities(made.query, made.keys, options)
    nobody_asks = Cohesion(torch.full((1, CLASSES), torch.nan), torch.full((1, CLASSES), torch.nan))
    for part in cache_logits(near, made.values, nobody_asks, options):
        assert part.numpy() == pytest.approx(np.tile(np.bincount(LABELS, minlength=CLASSES), (5, 1)))


@pytest.mark.parametrize("options", [PAPER, MGCL_PLUS])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_7_aligned_and_captioned_by_itself_the_contrast_is_plain_zero_shot(
    options: MethodOptions, share: float
) -> None:
    rng = np.random.default_rng(0)
    dim, sentences = 12, (3, 1, 2, 3)
    audio = torch.nn.functional.normalize(torch.tensor(rng.normal(size=(5, dim))).float(), dim=-1)
    explained = [[literal.unit(rng.normal(size=dim)) for _ in range(n)] for n in sentences]
    rows = torch.nn.utils.rnn.pad_sequence([torch.tensor(np.stack(e)).float() for e in explained], batch_first=True)
    weights = torch.nn.utils.rnn.pad_sequence([torch.full((n,), 1 / n) for n in sentences], batch_first=True)
    fused = Fusion(dim, dim).align(torch.eye(dim), share).coarse(audio, audio)
    found = coarse_contrast(fused, Explanations(rows, weights), options).detach()
    reading = literal.PAPER if options is PAPER else literal.BETTER
    for b in range(5):
        wanted = [literal.sim_lw(audio[b].numpy(), each, reading) for each in explained]
        assert found[b].numpy() == pytest.approx(wanted, abs=1e-5)


@MODES
def test_8_transport_agrees_with_pot(options: MethodOptions) -> None:
    query, shots = keys(10, 3, 6), keys(11, 7, 4)
    near = fine_similarity(query, shots, options)
    p, q = (marginals(k.weights, options).double().numpy() for k in (query, shots))
    for b in range(3):
        for i in range(7):
            cost = 1 - (query.fine[b] @ shots.fine[i].T).double().numpy()
            sums = p[b] / p[b].sum(), q[i] / q[i].sum()
            plan = ot.bregman.sinkhorn_log(*sums, cost, options.epsilon, numItermax=5000, stopThr=1e-9)
            assert float(near[b, i]) == pytest.approx((plan * (1 - cost)).sum(), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_9_halves_stay_finite_at_epsilon_one_hundredth(dtype: torch.dtype) -> None:
    made = world()
    options = replace(PAPER, epsilon=0.01)
    query, shots = (Keys(k.coarse, k.fine.to(dtype), k.weights) for k in (made.query, made.keys))
    assert fine_similarity(query, shots, options).isfinite().all()
    rows = Explanations(made.embedded.rows.to(dtype), made.embedded.weights)
    found = contrast_logits(made.fusion, made.query, made.caption, rows, options)
    for part in (found.coarse, found.fine):
        assert part.dtype == torch.float32
        assert part.isfinite().all()


def test_10_mini_makes_16_segments_of_5_seconds_and_of_a_steady_sound_their_mean_is_the_coarse_feature() -> None:
    encoder = MiniEncoder("cpu")
    samples = torch.randn(3, 80_000, generator=torch.Generator().manual_seed(2)) * torch.tensor([[0.2], [0.05], [0.01]])
    features = encoder.embed_audio(samples, torch.tensor([80_000] * 3))
    assert features.fine.shape == (3, 16, encoder.audio_dim)
    assert features.weights.shape == (3, 16)
    assert torch.allclose(features.coarse, features.fine.mean(1), atol=1e-3)
