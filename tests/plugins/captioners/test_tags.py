from collections.abc import Mapping

import pytest
import torch
from heard import windows
from mgcld_plugins.captioners.tags import TagsCaptioner
from mgcld_plugins.encoders.mini import MiniEncoder

from mgcld.data import AudioFeatures
from mgcld.errors import ConfigError
from mgcld.interfaces import Captioner

NOBODY_LISTENS = windows(2)


@pytest.fixture(scope="module")
def encoder() -> MiniEncoder:
    return MiniEncoder("cpu")


def features(encoder: MiniEncoder, *windows: Mapping[str, float]) -> AudioFeatures:
    """Windows in which these tags have these probabilities, and all others next to none."""
    tags = torch.full((len(windows), len(encoder.tag_names)), 0.001)
    for row, named in zip(tags, windows, strict=True):
        for name, p in named.items():
            row[list(encoder.tag_names).index(name)] = p
    return AudioFeatures(
        torch.zeros(len(windows), 1, 3), torch.ones(len(windows), 1), torch.zeros(len(windows), 3), tags
    )


def test_the_most_probable_tags_make_a_sentence(encoder: MiniEncoder) -> None:
    captioner = TagsCaptioner(encoder)
    assert isinstance(captioner, Captioner)
    heard = features(
        encoder,
        {"Rain": 0.3, "Dog": 0.9, "Wind": 0.5, "Siren": 0.2},
        {"Siren": 0.7, "Vehicle": 0.2},
        {"Whistle": 0.6},
    )
    assert list(captioner.caption(windows(3), heard)) == [
        "the sound of dog, wind and rain",
        "the sound of siren and vehicle",
        "the sound of whistle",
    ]


def test_tags_below_the_floor_are_left_out_but_never_all(encoder: MiniEncoder) -> None:
    heard = features(encoder, {"Dog": 0.9, "Wind": 0.5, "Rain": 0.081}, {"Rain": 0.079, "Wind": 0.06})
    assert list(TagsCaptioner(encoder).caption(NOBODY_LISTENS, heard)) == [
        "the sound of dog, wind and rain",
        "the sound of rain",
    ]
    assert list(TagsCaptioner(encoder, floor=0.6).caption(NOBODY_LISTENS, heard)) == [
        "the sound of dog",
        "the sound of rain",
    ]


@pytest.mark.parametrize(
    ("most", "sentence"),
    [(1, "the sound of dog"), (2, "the sound of dog and wind"), (9999, "the sound of dog, wind, rain and siren")],
)
def test_no_more_tags_are_named_than_wanted(encoder: MiniEncoder, most: int, sentence: str) -> None:
    heard = features(encoder, {"Siren": 0.2, "Rain": 0.3, "Dog": 0.9, "Wind": 0.5})
    assert list(TagsCaptioner(encoder, most=most).caption(NOBODY_LISTENS, heard)) == [sentence]


@pytest.mark.parametrize("most", [0, -1])
def test_a_sentence_needs_a_tag(encoder: MiniEncoder, most: int) -> None:
    with pytest.raises(ConfigError, match=f"most is {most}") as raised:
        TagsCaptioner(encoder, most=most)
    assert raised.value.help


def test_an_encoder_without_tags_is_a_named_error() -> None:
    tagless = MiniEncoder("cpu")
    tagless.tag_names = ()
    with pytest.raises(ConfigError, match="mini has no tags") as raised:
        TagsCaptioner(tagless)
    assert "none" in raised.value.help


def test_features_of_an_encoder_without_tags_are_a_bug(encoder: MiniEncoder) -> None:
    with pytest.raises(ValueError, match="without tags"):
        TagsCaptioner(encoder).caption(
            NOBODY_LISTENS, AudioFeatures(torch.zeros(2, 1, 3), torch.ones(2, 1), torch.zeros(2, 3))
        )


def test_a_real_window_has_a_real_sentence(encoder: MiniEncoder) -> None:
    sound = torch.sin(torch.arange(80_000) * 0.5)[None]
    (sentence,) = TagsCaptioner(encoder).caption(windows(1), encoder.embed_audio(sound, torch.tensor([80_000])))
    assert sentence.startswith("the sound of ")
    assert any(name.lower() in sentence for name in encoder.tag_names)


def test_its_provenance_tells_its_options(encoder: MiniEncoder) -> None:
    told = {TagsCaptioner(encoder, *options).provenance for options in ((), (2,), (3, 0.1))}
    assert len(told) == 3
    assert TagsCaptioner(encoder).provenance in told
