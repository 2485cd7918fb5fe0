"""Names that people chose, as levels of topics and as files' names."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from mgcld_plugins.sinks._names import as_file_name, as_identifier, as_label, as_level

HOSTILE = ["../../etc/passwd", "a/b", "+", "#", "\0", "\x1b[2J", "\u202egnp.exe", "x" * 4096, "ü" * 4096, "..", ".", ""]
NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=[]), max_size=200))


@given(NAMES, NAMES)
def test_a_level_and_a_file_name_are_harmless_short_and_different_for_different_names(one: str, other: str) -> None:
    for encode in (as_level, as_file_name):
        assert re.fullmatch(r"[\w.~%-]{1,100}", encode(one), re.ASCII)
        assert (encode(one) == encode(other)) == (one == other)


@given(NAMES)
def test_a_file_name_stays_in_its_folder_and_is_not_hidden(name: str) -> None:
    file = as_file_name(name)
    assert (Path("/folder") / file).resolve().parent == Path("/folder")
    assert not file.startswith((".", "-", "~"))


@given(st.lists(NAMES, min_size=2, max_size=2), st.lists(NAMES, min_size=2, max_size=2))
def test_an_identifier_has_few_kinds_of_signs_and_names_only_one(one: list[str], other: list[str]) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,70}", as_identifier(*one))
    assert (as_identifier(*one) == as_identifier(*other)) == (one == other)


@given(NAMES)
def test_a_label_can_be_shown(name: str) -> None:
    assert as_label(name).isprintable()
    assert 1 <= len(as_label(name)) <= 120


def test_plain_names_stay_as_they_are() -> None:
    assert as_level("dog_bark-2") == as_file_name("dog_bark-2") == "dog_bark-2"
    assert as_level("smoke alarm") == "smoke%20alarm"
    assert as_label("smoke alarm") == "smoke alarm"
