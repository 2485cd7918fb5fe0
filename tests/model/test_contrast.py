from dataclasses import replace

import literal
import numpy as np
import pytest
import torch
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from literal import BETTER, PAPER, Reading
from worlds import LABELS, SENTENCES, TEXT, converged, head, world

from mgcld.model import options
from mgcld.model.contrast import Explanations, coarse_contrast, salience
from mgcld.model.options import MethodOptions
from mgcld.model.parts import contrast_logits, similarities, total

MODES = pytest.mark.parametrize(
    ("given", "reading"),
    [
        pytest.param(options.PAPER, PAPER, id="paper"),
        pytest.param(options.MGCL_PLUS, BETTER, id="mgcl+"),
        pytest.param(replace(options.PAPER, salience="softmax"), replace(PAPER, softmax=0.1), id="softmax salience"),
        pytest.param(
            replace(options.PAPER, salience="softmax", salience_temperature=0.5),
            replace(PAPER, softmax=0.5),
            id="soft softmax",
        ),
        pytest.param(
            replace(options.PAPER, marginals="encoder"), replace(PAPER, uniform=False), id="encoder's marginals"
        ),
        pytest.param(
            replace(options.PAPER, contrast_scale=3.0), replace(PAPER, contrast_scale=3.0), id="contrast scale"
        ),
        pytest.param(replace(options.PAPER, alpha=0.4), replace(PAPER, alpha=0.4), id="alpha"),
    ],
)
MIXED = [0.05, -0.04, 0.03, -0.05, 0.02, -0.01, 0.01, -0.005]
"""As printed, eq. 14 and 15 make 1.625 of these cosines."""


@MODES
@pytest.mark.parametrize("seed", range(3))
def test_the_contrast_is_what_equations_13_to_19_say(seed: int, given: MethodOptions, reading: Reading) -> None:
    made = world(seed)
    found = contrast_logits(made.fusion, made.query, made.caption, made.embedded, converged(given))
    for b, window in enumerate(made.windows):
        wanted = literal.pro_ccc(window, made.explanations, made.weights, reading)
        assert found.coarse[b].numpy() == pytest.approx(wanted, abs=1e-5)
        wanted = literal.pro_fcc(window, made.explanations, made.weights, reading)
        assert found.fine[b].numpy() == pytest.approx(wanted, abs=1e-5)


@MODES
def test_the_total_is_what_equations_20_and_21_say(given: MethodOptions, reading: Reading) -> None:
    made = world(3)
    near = similarities(made.query, made.keys, converged(given))
    logits = total(head(3, converged(given)).parts(near, made.query, made.caption), given)
    said = literal.parts(made.windows, made.shots, LABELS, made.explanations, made.weights, reading)
    for b, parts in enumerate(said):
        assert logits[b].numpy() == pytest.approx(literal.pro_total(parts, reading), abs=3e-5)


def explained_by(sims: list[float]) -> Explanations:
    """One class whose sentences have these cosines to the first axis."""
    rows = torch.zeros(1, len(sims), TEXT)
    rows[0, :, 0] = torch.tensor(sims)
    rows[0, :, 1] = (1 - rows[0, :, 0] ** 2).sqrt()
    return Explanations(rows, torch.full((1, len(sims)), 1 / len(sims)))


FIRST_AXIS = torch.eye(TEXT)[:1]


def late_weighted(sims: list[float], given: MethodOptions) -> float:
    return float(coarse_contrast(FIRST_AXIS, explained_by(sims), given))


def test_as_printed_mixed_signs_leave_the_range_of_a_cosine() -> None:
    assert sum(s * s for s in MIXED) / sum(MIXED) == pytest.approx(1.625, abs=1e-3)


@pytest.mark.parametrize(("given", "reading"), [(options.PAPER, PAPER), (options.MGCL_PLUS, BETTER)])
def test_similarities_of_mixed_signs_stay_a_weighted_mean(given: MethodOptions, reading: Reading) -> None:
    found = late_weighted(MIXED, given)
    assert min(MIXED) <= found <= max(MIXED)
    weights = literal.shares(MIXED, reading)
    assert found == pytest.approx(sum(w * s for w, s in zip(weights, MIXED, strict=True)), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given_any(sims=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=6), softmax=st.booleans())
def test_the_late_weighted_similarity_is_within_its_cosines(sims: list[float], softmax: bool) -> None:
    found = late_weighted(sims, options.MGCL_PLUS if softmax else options.PAPER)
    assert min(sims) - 1e-5 <= found <= max(sims) + 1e-5


def test_positive_similarities_make_the_contraharmonic_mean() -> None:
    sims = [0.3, 0.1, 0.4]
    assert late_weighted(sims, options.PAPER) == pytest.approx(sum(s * s for s in sims) / sum(sims), abs=1e-6)


@pytest.mark.parametrize("given", [options.PAPER, options.MGCL_PLUS])
def test_salience_sums_to_1_and_leaves_padding_out(given: MethodOptions) -> None:
    made = world(4)
    sim = torch.tensor(np.random.default_rng(0).uniform(-1, 1, (5, 4, 3)), dtype=torch.float32)
    weights = salience(sim, made.embedded.weights, given)
    assert torch.allclose(weights.sum(-1), torch.ones(5, 4), atol=1e-6)
    for j, sentences in enumerate(SENTENCES):
        assert (weights[:, j, :sentences] > 0).all()
        assert not weights[:, j, sentences:].any()


@pytest.mark.parametrize("given", [options.PAPER, options.MGCL_PLUS])
def test_more_padded_sentences_change_nothing(given: MethodOptions) -> None:
    made = world(5)
    pad = torch.nn.functional.pad
    longer = Explanations(pad(made.embedded.rows, (0, 0, 0, 2)), pad(made.embedded.weights, (0, 2)))
    found = contrast_logits(made.fusion, made.query, made.caption, made.embedded, given)
    same = contrast_logits(made.fusion, made.query, made.caption, longer, given)
    assert torch.allclose(same.coarse, found.coarse, atol=1e-6)
    assert torch.allclose(same.fine, found.fine, atol=1e-6)


def test_the_contrast_teaches_all_three_matrices() -> None:
    made = world(6)
    fusion = made.fusion.requires_grad_()
    for given in (options.PAPER, options.MGCL_PLUS, replace(options.PAPER, plan_gradient="unrolled")):
        fusion.zero_grad()
        found = contrast_logits(fusion, made.query, made.caption, made.embedded, given)
        torch.nn.functional.cross_entropy(found.coarse + found.fine, torch.tensor([0, 3, 1, 2, 0])).backward()
        for weight in fusion.parameters():
            assert weight.grad is not None
            assert weight.grad.isfinite().all()
            assert weight.grad.any()


def test_the_gradient_through_the_plan_is_an_option() -> None:
    made = world(7)
    gradients = []
    for gradient in ("detached", "unrolled"):
        fusion = made.fusion.requires_grad_()
        given = replace(options.PAPER, plan_gradient=gradient)
        fine = contrast_logits(fusion, made.query, made.caption, made.embedded, given).fine
        fine[:, 0].sum().backward()
        assert fusion.w_f.weight.grad is not None
        gradients.append(fusion.w_f.weight.grad)
    assert (gradients[0] - gradients[1]).abs().max() > 1e-3
