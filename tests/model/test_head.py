"""What answers: cohesion and centre measured once, the four parts, and which of them counts."""

from dataclasses import replace

import literal
import numpy as np
import pytest
import torch
from literal import BETTER, PAPER, Reading
from worlds import BATCH, CLASSES, LABELS, SHOTS, UNSHRUNK, converged, head, reading_of, world

from mgcld.model import options
from mgcld.model.contrast import Fusion
from mgcld.model.head import Head, head_of
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Contrasts, Parts, centre_of, contrast_logits, similarities, total

NAMES = ("coarse_cache", "fine_cache", "coarse_contrast", "fine_contrast")


def measured(seed: int, given: MethodOptions) -> Head:
    """A head as training makes it."""
    made = world(seed)
    own = similarities(made.keys, made.keys, given)
    return head_of(made.fusion, made.embedded, made.keys, made.shot_caption, made.values, own, given)


def some_contrasts(seed: int, count: int) -> Contrasts:
    random = torch.Generator().manual_seed(seed)
    return Contrasts(torch.randn(count, CLASSES, generator=random), torch.randn(count, CLASSES, generator=random))


def test_worlds_read_the_presets_as_they_are_meant() -> None:
    assert reading_of(options.PAPER) == PAPER
    assert reading_of(options.MGCL_PLUS) == BETTER


@pytest.mark.parametrize("given", [options.PAPER, UNSHRUNK], ids=["paper", "mgcl+"])
@pytest.mark.parametrize("seed", range(2))
def test_cohesion_and_centre_are_measured_on_the_support_set(seed: int, given: MethodOptions) -> None:
    found, wanted = measured(seed, converged(given)), head(seed, given)
    for one, other in ((found.alike, wanted.alike), (found.centre, wanted.centre)):
        torch.testing.assert_close(one.coarse, other.coarse, atol=1e-5, rtol=0)
        torch.testing.assert_close(one.fine, other.fine, atol=1e-5, rtol=0)


def test_in_the_paper_nothing_is_read_against_a_centre() -> None:
    centre = measured(2, options.PAPER).centre
    assert centre.coarse.shape == centre.fine.shape == (1, CLASSES)
    assert not centre.coarse.any()
    assert not centre.fine.any()
    assert measured(2, options.MGCL_PLUS).centre.coarse.all()


def test_in_the_centre_each_class_counts_alike_however_many_its_shots() -> None:
    values = torch.eye(CLASSES)[torch.tensor(LABELS)]
    found = some_contrasts(0, SHOTS)
    centre = centre_of(found, values, options.MGCL_PLUS)
    for grain in ("coarse", "fine"):
        said = getattr(found, grain).double().numpy()
        wanted = literal.centre(list(said), LABELS, CLASSES)
        assert getattr(centre, grain)[0].numpy() == pytest.approx(wanted, abs=1e-6)
        assert np.abs(said.mean(0) - wanted).max() > 0.05  # that of all shots is another


def test_a_class_recorded_ten_times_as_often_does_not_move_the_centre() -> None:
    values = torch.eye(CLASSES)[torch.tensor(LABELS)]
    found = some_contrasts(1, SHOTS)
    again = torch.tensor([i for i, label in enumerate(LABELS) for _ in range(10 if label == 2 else 1)])
    once = centre_of(found, values, options.MGCL_PLUS)
    more = centre_of(Contrasts(found.coarse[again], found.fine[again]), values[again], options.MGCL_PLUS)
    torch.testing.assert_close(more.coarse, once.coarse)
    torch.testing.assert_close(more.fine, once.fine)


def test_a_single_class_is_read_against_its_own_shots() -> None:
    found = Contrasts(torch.tensor([[0.1], [0.3]]), torch.tensor([[0.2], [0.6]]))
    centre = centre_of(found, torch.ones(2, 1), options.MGCL_PLUS)
    torch.testing.assert_close(centre.coarse, torch.tensor([[0.2]]))
    torch.testing.assert_close(centre.fine, torch.tensor([[0.4]]))


def test_sentences_that_are_near_to_any_sound_win_nothing_by_it() -> None:
    """A constant added to what the contrast says for a class, of shots and of windows."""
    values = torch.eye(CLASSES)[torch.tensor(LABELS)]
    shots, windows, constant = some_contrasts(2, SHOTS), some_contrasts(3, BATCH), torch.tensor([0.0, 2.0, -1.0, 0.5])

    def raised(found: Contrasts) -> Contrasts:
        return Contrasts(found.coarse + constant, found.fine - 3 * constant)

    for given, same in ((options.MGCL_PLUS, True), (options.PAPER, False)):
        plain = windows.against(centre_of(shots, values, given))
        moved = raised(windows).against(centre_of(raised(shots), values, given))
        assert torch.allclose(moved.coarse, plain.coarse, atol=1e-5) is same
        assert torch.allclose(moved.fine, plain.fine, atol=1e-5) is same


def test_of_the_support_set_itself_the_centred_contrast_is_as_far_above_0_for_own_shots_as_below_for_others() -> None:
    made, made_head = world(3), measured(3, options.MGCL_PLUS)
    parts = made_head.parts(similarities(made.keys, made.keys, options.MGCL_PLUS), made.keys, made.shot_caption)
    for said in (parts.coarse_contrast, parts.fine_contrast):
        for c in range(CLASSES):
            by_class = [float(said[made.values[:, k] > 0, c].mean()) for k in range(CLASSES)]
            own = by_class.pop(c)
            assert own == pytest.approx(-sum(by_class) / len(by_class), abs=1e-5)
        assert float(said.abs().max()) > 0.05


@pytest.mark.parametrize(("given", "reading"), [(options.PAPER, PAPER), (UNSHRUNK, BETTER)], ids=["paper", "mgcl+"])
def test_a_measured_head_says_what_the_literal_method_says(given: MethodOptions, reading: Reading) -> None:
    made, given = world(4), converged(given)
    parts = measured(4, given).parts(similarities(made.query, made.keys, given), made.query, made.caption)
    said = literal.parts(made.windows, made.shots, LABELS, made.explanations, made.weights, reading)
    for b, wanted in enumerate(said):
        for name in NAMES:
            assert getattr(parts, name)[b].numpy() == pytest.approx(getattr(wanted, name), abs=2e-5)


@pytest.mark.parametrize("given", [options.PAPER, options.MGCL_PLUS], ids=["paper", "mgcl+"])
@pytest.mark.parametrize("left_out", [(), *((name,) for name in NAMES), ("coarse_cache", "fine_contrast"), NAMES])
def test_without_leaves_out_exactly_the_parts_that_it_names(given: MethodOptions, left_out: tuple[str, ...]) -> None:
    random = torch.Generator().manual_seed(0)
    parts = Parts(*(torch.randn(BATCH, CLASSES, generator=random) for _ in NAMES))
    given = replace(given, contrast_scale=0.3, without=" ".join(left_out))
    weights = dict(zip(NAMES, (given.alpha, given.alpha, 0.3, 0.3), strict=True))
    wanted = sum(
        (weights[name] * getattr(parts, name) for name in NAMES if name not in left_out), torch.zeros(BATCH, CLASSES)
    )
    torch.testing.assert_close(total(parts, given), wanted)


def test_what_is_left_out_is_still_told() -> None:
    made, given = world(5), replace(options.MGCL_PLUS, without="coarse_cache")
    near = similarities(made.query, made.keys, given)
    parts, everything = (measured(5, g).parts(near, made.query, made.caption) for g in (given, options.MGCL_PLUS))
    for name in NAMES:
        assert torch.equal(getattr(parts, name), getattr(everything, name))


def test_tied_maps_are_those_of_the_coarse_fusion() -> None:
    made = world(6)
    fusion = Fusion(*(len(made.query.coarse[0]), len(made.caption[0])))
    before = fusion.w_c.weight.detach().clone()
    tied = fusion.tie()
    assert torch.equal(tied.w_c.weight, before)
    assert torch.equal(tied.w_p.weight, before)
    assert torch.equal(tied.w_f.weight, torch.eye(len(made.caption[0])))
    assert tied.w_p.weight.data_ptr() != tied.w_c.weight.data_ptr()
    for i in range(made.query.fine.shape[1]):  # a segment is fused as a whole window is
        whole = tied.coarse(made.query.fine[:, i], made.caption)
        torch.testing.assert_close(tied.fine(made.query.fine[:, [i]], made.caption)[:, 0], whole, atol=1e-6, rtol=0)


def test_a_window_of_one_segment_explained_in_one_sentence_sounds_alike_at_both_grains() -> None:
    """With tied maps, coarse and fine contrast are then the same number."""
    made = world(7)
    fusion = made.fusion.tie()
    explained = replace(made.embedded, rows=made.embedded.rows[:, :1], weights=torch.ones(CLASSES, 1))
    query = replace(made.query, fine=made.query.coarse[:, None], weights=torch.ones(BATCH, 1))
    found = contrast_logits(fusion, query, made.caption, explained, converged(options.MGCL_PLUS))
    torch.testing.assert_close(found.coarse, found.fine, atol=1e-5, rtol=0)
