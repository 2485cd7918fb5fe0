"""Names that classes can have: any script's words, and nothing that nobody sees."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgcld.names import MOST_BYTES, alike, fault_of, printable

WORDS = [
    "dog bark",
    "Türklingel",
    "Tu\u0308rklingel",  # as a Mac composes it
    "l'eau qui bout (n° 3)",
    "сирена",
    "警报器",
    "火災報知器",
    "사이렌",
    "جرس الباب",
    "پرنده\u200cها",  # Persian: no join before the plural
    "צפירה",
    "क्\u200dष",  # Hindi: a half form
    "മണിനാദം",
    "അവന്\u200d",  # Malayalam: a chillu as it was written before it had a sign of its own
    "ක්\u200dරීඩා",  # Sinhala
    "เสียงนก",
    "👩\u200d🚒",
    "❤️\u200d🔥",
    "1",
    "C#",
    "50% + x = ?",
    "a\\b",
    "~",
    "-rf",
    "rain." + "x" * 100,
]


@pytest.mark.parametrize("name", WORDS)
def test_words_of_any_script_are_names(name: str) -> None:
    assert fault_of(name) == ""
    assert printable(name) == name


NONE = {
    "": "is empty",
    ".": "begins with '.'",
    "..": "begins with '.'",
    "../../etc/passwd": "begins with '.'",
    ".hidden": "begins with '.'",
    "_background": "begins with '_'",
    "_made": "begins with '_'",
    "a/b": "holds a '/'",
    "/etc/passwd": "holds a '/'",
    "unknown": "the answer for none",
    "Unknown": "the answer for none",
    "ｕｎｋｎｏｗｎ": "the answer for none",
    " rain": "begins or ends with a blank",
    "rain\n": "begins or ends with a blank",
    "rain\nERROR all is lost": r"U\+000A",
    "rain\rno": r"U\+000D",
    "a\tb": r"U\+0009",
    "\0": r"U\+0000",
    "\x1b[2J\x1b[31m": r"U\+001B",
    "\x9b2J": r"U\+009B",
    "rain\u202egnis": r"U\+202E \(RIGHT-TO-LEFT OVERRIDE\)",
    "\u200frain": r"U\+200F",
    "a\u2066b": r"U\+2066",
    "ra\u200bin": r"U\+200B",
    "ra\u00adin": r"U\+00AD",
    "\ufeffrain": r"U\+FEFF",
    "rain\U000e0041": r"U\+E0041",
    "rain\u2028no": r"U\+2028",
    "rain\u00a0no": r"U\+00A0",
    "\ue000": r"U\+E000",
    "\U0010ffff": r"U\+10FFFF",
    "\u3164": r"U\+3164",
    "a\u2800b": r"U\+2800",
    "\ufe0f": "nothing that anybody sees",
    "si\u200dren": r"U\+200D",
    "\u200d": r"U\+200D",
    "क्\u200d\u200dष": r"U\+200D",
    "\ud800": "no Unicode text",
    "sound\udcff": "no Unicode text",  # a folder's name that is not UTF-8
    "a" * (MOST_BYTES + 1): "longer than 200 bytes",
    "警" * 67: "longer than 200 bytes",
    "x" * 4096: "longer than 200 bytes",
}


@pytest.mark.parametrize("name", NONE, ids=[ascii(name)[:30] for name in NONE])
def test_what_nobody_sees_or_what_means_something_else_is_no_name(name: str) -> None:
    assert re.search(NONE[name], fault_of(name)), fault_of(name)
    assert fault_of(name).isprintable()


@pytest.mark.parametrize(
    "names",
    [
        ("Rain", "rain"),
        ("Türklingel", "Tu\u0308rklingel"),
        ("STRASSE", "straße"),
        ("پرنده\u200cها", "پرندهها"),
        ("❤️", "❤"),
        ("ﬁre", "fire"),
    ],
)
def test_names_that_look_alike_are_found(names: tuple[str, str]) -> None:
    assert alike(["dog", names[0], "cat", names[1]]) == names


def test_names_that_do_not_are_left_alone() -> None:
    assert alike(WORDS[:2] + WORDS[3:]) is None


@given(st.text(max_size=60))
def test_a_name_is_fit_for_a_topic_a_terminal_and_a_file(name: str) -> None:
    if not fault_of(name):
        assert len(name.encode()) <= MOST_BYTES
        assert printable(name) == name
        assert name not in ("", ".", "..")
        assert "/" not in name


@given(st.text())
def test_what_is_printed_steers_no_terminal_and_begins_no_line(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert shown.replace("\u200c", "").replace("\u200d", "").isprintable()
