"""The nearest phrases, with an encoder whose space a person can compute: one axis a word."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from heard import WordEncoder, sounding, windows
from mgcld_plugins.captioners._nothing import nothing
from mgcld_plugins.captioners.retrieval import BATCH, PHRASES, RetrievalCaptioner, read_phrases
from mgcld_plugins.encoders.mini import MiniEncoder

from mgcld.errors import ConfigError
from mgcld.interfaces import Captioner

LISTENED_FOR = """
dog bird cow rain wind thunder fire wave tap door glass kettle clock car train siren alarm engine pump leak drill saw
hammer gunshot explosion speaks laugh baby cough footsteps applau piano guitar drum silence hum
"""


def bank(folder: Path, *phrases: str) -> Path:
    path = folder / "mine.txt"
    path.write_text("\n".join(phrases), encoding="utf-8")
    return path


def test_the_nearest_phrase_is_said_of_each_window(tmp_path: Path) -> None:
    phrases = bank(tmp_path, "a dog barks", "rain falls", "a bell rings", "a car in the rain")
    captioner = RetrievalCaptioner(WordEncoder(), phrases)
    assert isinstance(captioner, Captioner)
    heard = sounding((0, 0, 1, 0), (1, 0.2, 0, 0), (0, 1, 0, 0.9))
    assert list(captioner.caption(windows(3), heard)) == ["a bell rings", "a dog barks", "a car in the rain"]


def test_a_phrase_that_is_near_to_any_sound_is_read_against_that(tmp_path: Path) -> None:
    phrases = bank(tmp_path, "a dog barks", "rain falls", "a bell rings")
    heard = sounding((0, 1, 0.8, 0))
    for usual, said in ((0, "rain falls"), (1, "a bell rings")):
        captioner = RetrievalCaptioner(WordEncoder(nothing=(0, usual, 0, 0)), phrases)
        assert captioner.caption(windows(1), heard) == [said]


def test_sounds_that_mean_nothing_are_the_same_at_every_call_and_no_louder_than_they_may() -> None:
    sounds = nothing(8_000)
    assert sounds.shape == (12, 40_000)
    assert torch.equal(sounds, nothing(8_000))
    assert float(sounds.abs().max()) <= 1
    assert float(sounds.abs().amax(1).min()) > 0


def test_several_phrases_are_joined_nearest_first_and_never_more_than_there_are(tmp_path: Path) -> None:
    phrases = bank(tmp_path, "a dog barks", "rain falls", "a bell rings")
    heard = sounding((0.5, 1, 0.2, 0))
    captions = [list(RetrievalCaptioner(WordEncoder(), phrases, most).caption(windows(1), heard)) for most in (2, 99)]
    assert captions == [["rain falls and a dog barks"], ["rain falls and a dog barks and a bell rings"]]


def test_phrases_are_embedded_once_in_batches(tmp_path: Path) -> None:
    encoder = WordEncoder()
    captioner = RetrievalCaptioner(encoder, bank(tmp_path, *(f"rain number {i}" for i in range(BATCH + 2))))
    captioner.caption(windows(1), sounding((1, 0, 0, 0)))
    assert encoder.batches == [BATCH, 2]


def test_comments_blank_lines_and_repetitions_are_no_phrases(tmp_path: Path) -> None:
    path = bank(tmp_path, "# animals", "", "a  dog barks ", "a dog barks", "   ", "rain falls")
    assert read_phrases(path) == ("a dog barks", "rain falls")


def test_the_provenance_tells_the_phrases_and_how_many_are_joined(tmp_path: Path) -> None:
    one = RetrievalCaptioner(WordEncoder(), bank(tmp_path, "a dog barks", "rain falls")).provenance
    again = RetrievalCaptioner(WordEncoder(), bank(tmp_path, "# mine", "a dog barks", "rain falls")).provenance
    more = RetrievalCaptioner(WordEncoder(), bank(tmp_path, "a dog barks", "rain falls"), 2).provenance
    other = RetrievalCaptioner(WordEncoder(), bank(tmp_path, "a dog barks", "rain fell")).provenance
    assert one == again
    assert len({one, more, other}) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no phrase"),
        (b"# nothing but a comment\n\n", "holds no phrase"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_file_without_phrases_is_a_named_error(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"mine\.txt.*{said}") as caught:
        RetrievalCaptioner(WordEncoder(), path)
    assert "one sentence" in caught.value.help


def test_a_caption_needs_a_phrase() -> None:
    with pytest.raises(ConfigError, match="most is 0"):
        RetrievalCaptioner(WordEncoder(), most=0)


# Our own bank


def test_our_bank_is_a_few_hundred_sentences_of_some_words_each() -> None:
    phrases = read_phrases(PHRASES)
    lines = [line for line in PHRASES.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert 300 <= len(phrases) == len(lines) <= 400
    assert {phrase for phrase in phrases if not 4 <= len(phrase.split()) <= 14} == set()
    assert {phrase for phrase in phrases if not re.fullmatch(r"[a-z][a-z, '-]+", phrase)} == set()


@pytest.mark.parametrize("word", LISTENED_FOR.split())
def test_our_bank_speaks_of_what_people_listen_for(word: str) -> None:
    assert any(re.search(word, phrase) for phrase in read_phrases(PHRASES))


def test_with_the_embedded_encoder_a_real_sound_is_named() -> None:
    from mgcld.demo.sounds import synthesise

    encoder = MiniEncoder("cpu")
    siren = torch.from_numpy(synthesise("siren", 3, 5.0, 16_000).astype(np.float32))[None]
    heard = encoder.embed_audio(siren, torch.tensor([80_000]))
    (sentence,) = RetrievalCaptioner(encoder).caption(windows(1), heard)
    assert re.search("siren|alarm|whistle|beep|tone|horn", sentence)
