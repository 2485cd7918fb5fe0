from dataclasses import asdict, fields, replace

import literal
import numpy as np
import pytest
import torch
from literal import BETTER, PAPER, Reading
from worlds import BATCH, LABELS, adapter, converged, world

from mgcld.data import AudioFeatures, Features
from mgcld.model import options
from mgcld.model.cache import marginals
from mgcld.model.contrast import Explanations
from mgcld.model.head import head_of
from mgcld.model.options import MGCL_PLUS, MethodOptions
from mgcld.model.parts import query_of, similarities

LOUD = torch.zeros(BATCH, dtype=torch.bool)
MODES = pytest.mark.parametrize(
    ("given", "reading"), [(options.PAPER, PAPER), (options.MGCL_PLUS, BETTER)], ids=["paper", "mgcl+"]
)


def row(features: Features, i: int) -> Features:
    audio = AudioFeatures(features.audio.fine[[i]], features.audio.weights[[i]], features.audio.coarse[[i]])
    return Features(audio, (features.captions[i],), features.caption[[i]])


@MODES
def test_a_prediction_shows_what_each_part_says(given: MethodOptions, reading: Reading) -> None:
    made = world(2)
    predictions = adapter(2, converged(given)).predict(made.features, LOUD)
    said = literal.parts(made.windows, made.shots, LABELS, made.explanations, made.weights, reading)
    for prediction, parts in zip(predictions, said, strict=True):
        wanted = asdict(parts)
        assert set(prediction.parts) == set(wanted)
        for name, logits in wanted.items():
            assert prediction.parts[name] == pytest.approx(logits, abs=1e-5)


@MODES
def test_classes_share_what_is_known_by_their_total_logits(given: MethodOptions, reading: Reading) -> None:
    made, trained = world(3), adapter(3, converged(given))
    temperature = trained.calibration.temperature
    said = literal.parts(made.windows, made.shots, LABELS, made.explanations, made.weights, reading)
    for parts, prediction in zip(said, trained.predict(made.features, LOUD), strict=True):
        logits = literal.pro_total(parts, reading)
        shares = np.exp(temperature * (logits - logits.max()))
        known = 1 - prediction.unknown
        assert known > 0
        assert np.array(prediction.p) / known == pytest.approx(shares / shares.sum(), abs=1e-3)
        assert sum(prediction.p) + prediction.unknown == pytest.approx(1, abs=1e-6)
        assert int(np.argmax(prediction.p)) == int(logits.argmax())


def test_the_nearest_background_shot_counts() -> None:
    made, trained = world(4), adapter(4, converged(options.PAPER))
    others = world(5).shots[:2]
    found = trained.background_closeness(query_of(made.features, MGCL_PLUS)[0])
    assert found is not None
    for b, window in enumerate(made.windows):
        near = []
        for shot in others:
            near.append(literal.cos(literal.coarse(window), literal.coarse(shot)))
        assert float(found[b]) == pytest.approx(max(near), abs=1e-5)


def test_background_makes_windows_less_known_never_more() -> None:
    features = world(6).features
    without = adapter(6, background=False)
    assert without.background_closeness(query_of(features, MGCL_PLUS)[0]) is None
    for bare, guarded in zip(without.predict(features, LOUD), adapter(6).predict(features, LOUD), strict=True):
        assert guarded.unknown > bare.unknown


@pytest.mark.parametrize("given", [options.PAPER, options.MGCL_PLUS])
def test_a_batch_is_what_its_windows_are_alone(given: MethodOptions) -> None:
    features, trained = world(7).features, adapter(7, given)
    silent = torch.tensor([False, True, False, False, False])
    together = trained.predict(features, silent)
    for i, prediction in enumerate(together):
        alone = trained.predict(row(features, i), silent[[i]])[0]
        assert prediction.p == pytest.approx(alone.p, abs=1e-5)
        assert prediction.unknown == pytest.approx(alone.unknown, abs=1e-5)
    assert together[1].unknown == 1
    assert together[1].top[0] == ("unknown", 1.0)


def test_a_prediction_keeps_the_order_of_classes_and_the_caption() -> None:
    features = replace(world(8).features, captions=("a dog", None, "rain", None, "a siren"))
    trained = adapter(8)
    predictions = trained.predict(features, LOUD)
    assert [prediction.caption for prediction in predictions] == list(features.captions)
    assert all(prediction.classes == trained.classes for prediction in predictions)


def test_the_scale_of_features_means_nothing() -> None:
    features, trained = world(9).features, adapter(9)
    audio = features.audio
    louder = Features(
        AudioFeatures(7 * audio.fine, audio.weights, 3 * audio.coarse), features.captions, 0.1 * features.caption
    )
    for one, other in zip(trained.predict(features, LOUD), trained.predict(louder, LOUD), strict=True):
        assert one.p == pytest.approx(other.p, abs=1e-5)


def test_moving_an_adapter_leaves_the_first_where_it_was() -> None:
    trained = adapter()
    before = trained.predict(world().features, LOUD)
    moved = trained.to("meta")
    assert {weight.device.type for weight in moved.head.fusion.parameters()} == {"meta"}
    held = moved.keys, moved.background, moved.head.explanations, moved.head.alike
    held += moved.head.centre, moved.head.within, moved.head.within_fine
    tensors = [getattr(record, field.name) for record in held if record is not None for field in fields(record)]
    assert {tensor.device.type for tensor in (moved.values, *tensors)} == {"meta"}
    assert len(tensors) == 3 + 3 + 2 + 2 + 2 + 4 + 4
    assert trained.predict(world().features, LOUD) == before


@pytest.mark.parametrize("given", [options.PAPER, options.MGCL_PLUS])
def test_one_class_with_one_shot_is_enough(given: MethodOptions) -> None:
    made, trained = world(10), adapter(10, given)
    first = torch.tensor([0])
    keys, explained = trained.keys[first], trained.head.explanations
    explained = Explanations(explained.rows[:1], explained.weights[:1])
    own = similarities(keys, keys, given)
    head = head_of(trained.head.fusion, explained, keys, made.shot_caption[:1], torch.ones(1, 1), own, given)
    alone = replace(trained, classes=("boiler alarm",), keys=keys, head=head, background=None)
    for prediction in alone.predict(made.features, LOUD):
        assert prediction.p[0] + prediction.unknown == pytest.approx(1, abs=1e-6)


def test_uniform_marginals_of_a_ragged_shot_leave_padding_out() -> None:
    keys = world(11).keys
    mass = marginals(keys.weights, options.PAPER)
    assert torch.allclose(mass.sum(1), torch.ones(len(keys)))
    assert torch.equal(mass > 0, keys.weights > 0)
