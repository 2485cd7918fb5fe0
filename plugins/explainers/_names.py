"""Names of sounds as people and data sets write them: `Dog_bark`, "a barking dog" and "dogs barking" are one name."""

import re

FILLERS = frozenset({"a", "an", "and", "being", "in", "noise", "of", "on", "or", "someone", "sound", "the", "to"})
"""Words that tell no sound from another."""


def spoken(name: str) -> str:
    """A name in words: underscores and dashes are read as spaces."""
    return " ".join(name.replace("_", " ").replace("-", " ").split()).lower()


def keys_of(name: str) -> frozenset[str]:
    """What a name is found by: its words in any order, and written as one (`gun shot`, `gunshot`)."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.findall(r"\w+", re.sub(r"['’]s?\b", "", parted.lower()).replace("_", " "))
    stems = [stem(word) for word in words]
    telling = [word for word in stems if word not in FILLERS] or stems
    return frozenset({" ".join(sorted(telling)), "".join(telling)})


def stem(word: str) -> str:
    """A word without plural and -ing: `barks`, `barking` → `bark`."""
    if word.endswith(("ie", "ies")) and len(word) > 4:
        word = word[: word.rindex("ie")] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    if word.endswith("ing") and len(word) > 5:
        word = re.sub(r"([^aeioulsfz])\1$", r"\1", word[:-3])
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
