from dataclasses import FrozenInstanceError

import pytest

from mgcld.model.options import MGCL_PLUS, PAPER, PRESETS, MethodOptions


def test_paper_is_what_is_printed() -> None:
    assert (PAPER.beta, PAPER.alpha, PAPER.steps, PAPER.learning_rate) == (5.0, 1.1, 20, 1e-4)
    assert (PAPER.marginals, PAPER.cache, PAPER.salience, PAPER.self_match) == ("uniform", "sum", "clamped", "keep")
    assert (PAPER.contrast_scale, PAPER.temperature, PAPER.without) == (1.0, 1.0, "")
    assert not (PAPER.selected or PAPER.centred or PAPER.tied)


def test_paper_is_read_as_section_8_of_our_notes_says_where_nothing_is_printed() -> None:
    assert (PAPER.epsilon, PAPER.iterations, PAPER.tolerance, PAPER.plan_gradient) == (0.1, 100, 1e-3, "detached")
    assert PAPER.coarse == "mean"
    assert (PAPER.initialisation, PAPER.audio_share, PAPER.decay) == ("aligned", 0.5, 0.0)


def test_each_preset_bears_its_name() -> None:
    assert PRESETS == {"paper": PAPER, "mgcl+": MGCL_PLUS}
    assert all(options.mode == name for name, options in PRESETS.items())
    assert MethodOptions() == PAPER


def test_options_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        PAPER.beta = 1.0  # type: ignore[misc]
