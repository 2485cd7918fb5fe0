"""Which names a class can have: the one rule for folders of shots and for adapter files.

A class's name becomes a topic, a file's name, a label, a cell in a terminal, in whatever script its people write. It is
refused where people could not see what stands there: controls, marks that turn the direction of writing, invisible
signs, and two names that look alike. Where a sign is harmless to people but not to a topic, the topic encodes it.
"""

import re
import unicodedata
from collections.abc import Sequence

UNKNOWN = "unknown"
"""The answer for none of the classes."""
MOST_BYTES = 200
"""Of a name in UTF-8: percent-encoded, a topic of it stays well below a subscription's limit, and a file system's."""
JOINERS = "\u200c\u200d"
"""Invisible, but part of words in Persian, Hindi, Malayalam, and of emoji: they say how the sign before is drawn."""

FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters, marks and a picture by their category, of which nothing is seen."""
VARIANTS = re.compile("[\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Which form of the sign before them is drawn: of an emoji, or of a Chinese character."""


def printable(text: str) -> str:
    """Text from elsewhere with nothing in it that steers a terminal, hides, or begins a line."""
    return "".join(sign if sign.isprintable() or sign in JOINERS else "\N{REPLACEMENT CHARACTER}" for sign in text)


def listed(names: Sequence[str], most: int = 5) -> str:
    """Quoted names, the first few of them."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(name) for name in names[:most]) + rest


def fault_of(name: str) -> str:
    """Why no class can be called so, to stand behind the name; empty where one can."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "is no Unicode text"
    if not name:
        return "is empty"
    if size > MOST_BYTES:
        return f"is longer than {MOST_BYTES} bytes"
    if name != name.strip():
        return "begins or ends with a blank"
    if name[0] in "._":
        return f"begins with {name[0]!r}, as only names that are kept for mgcld or hidden do"
    if "/" in name:
        return "holds a '/', as no folder's name can"
    if _folded(name) == UNKNOWN:
        return f"means {UNKNOWN!r}: that is the answer for none of the classes"
    return _bad_sign(name)


def alike(names: Sequence[str]) -> tuple[str, str] | None:
    """The first two that differ at most by case, by how their signs are composed, or by what nobody sees."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(_folded(name), name)
        if other is not name:
            return other, name
    return None


def _bad_sign(name: str) -> str:
    for before, sign in zip(" " + name, name, strict=False):
        if not (_joins(before) if sign in JOINERS else sign.isprintable() and sign not in FILLERS):
            return f"holds U+{ord(sign):04X} ({unicodedata.name(sign, 'a control or unassigned')}), which nobody sees"
    return "" if _folded(name) else "holds nothing that anybody sees"


def _joins(before: str) -> bool:
    """Whether a joiner behind this sign can have a meaning: behind a letter, mark or picture of a script that joins."""
    return not before.isascii() and unicodedata.category(before)[0] in "LMS"


def _folded(name: str) -> str:
    seen = VARIANTS.sub("", "".join(sign for sign in name if sign not in JOINERS))
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
