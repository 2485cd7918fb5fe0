"""Names that people chose, classes above all, as a level of a topic, and for people's eyes.

A class can be called `../../etc`, `a/+/#`, 4 KB of anything, or be written from right to left. What is left here are
letters, digits, `_`, `-`, `.`, `~` and `%`, few enough of them, and different for different names.
"""

import hashlib
import re
from urllib.parse import quote

MOST_CHARACTERS = 96
"""A longer name is cut, and ends in its hash."""


def as_level(name: str) -> str:
    """One level of a topic: percent-encoded, never empty, at most `MOST_CHARACTERS` long."""
    encoded = quote(name, safe="", errors="surrogatepass") or "%"
    return cut(encoded, name, MOST_CHARACTERS)


def cut(encoded: str, name: str, most: int) -> str:
    """The percent-encoded name, at most so many characters of it: a longer one ends in its hash."""
    if len(encoded) <= most:
        return encoded
    start = re.sub(r"%.?$", "", encoded[: most - 17])
    return f"{start}~{short_hash(name)}"


def as_identifier(*names: str) -> str:
    """What identifies these names where only letters, digits, `_` and `-` are allowed: readable, and their hash."""
    readable = re.sub(r"[^A-Za-z0-9-]+", "_", "_".join(names))[:48].strip("_-")
    return f"{readable}_{short_hash(*names)}"


def as_label(name: str, most: int = 120) -> str:
    """For people's eyes: without controls and without marks that turn the direction of writing, and not too long."""
    shown = "".join(sign if sign.isprintable() else " " for sign in name)
    words = " ".join(shown.split()) or "?"
    return words if len(words) <= most else f"{words[: most - 1]}…"


def short_hash(*names: str) -> str:
    """16 hexadecimal digits of sha256 over the names, whose borders count."""
    joined = "\0".join(name.replace("\0", "\0\0") for name in names)
    return hashlib.sha256(joined.encode(errors="surrogatepass")).hexdigest()[:16]
