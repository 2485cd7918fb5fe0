"""Names that people chose, as levels of topics and as labels."""

import re

from hypothesis import given
from hypothesis import strategies as st
from mgcld_plugins.sinks._names import as_identifier, as_label, as_level

HOSTILE = ["../../etc/passwd", "a/b", "+", "#", "\0", "\x1b[2J", "\u202egnp.exe", "x" * 4096, "ü" * 4096, "..", ".", ""]
NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=[]), max_size=200))


@given(NAMES, NAMES)
def test_a_level_is_harmless_short_and_different_for_different_names(one: str, other: str) -> None:
    assert re.fullmatch(r"[\w.~%-]{1,100}", as_level(one), re.ASCII)
    assert (as_level(one) == as_level(other)) == (one == other)


@given(st.lists(NAMES, min_size=2, max_size=2), st.lists(NAMES, min_size=2, max_size=2))
def test_an_identifier_has_few_kinds_of_signs_and_names_only_one(one: list[str], other: list[str]) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,70}", as_identifier(*one))
    assert (as_identifier(*one) == as_identifier(*other)) == (one == other)


@given(NAMES)
def test_a_label_can_be_shown(name: str) -> None:
    assert as_label(name).isprintable()
    assert 1 <= len(as_label(name)) <= 120


def test_plain_names_stay_as_they_are() -> None:
    assert as_level("dog_bark-2") == "dog_bark-2"
    assert as_level("smoke alarm") == "smoke%20alarm"
    assert as_label("smoke alarm") == "smoke alarm"
