"""Which clips may go into published weights."""

import re

_CLEAN = re.compile(
    r"(public[- ]domain|CC0(-1\.0)?|Pixabay Content License|CC-BY(-\d\.\d)?|BSD(-\d-Clause)?|MIT|Apache-2\.0)"
    r"( repo| per file)?",
    re.IGNORECASE,
)


def may_be_published(licence: str) -> bool:
    """Whether every licence that a manifest line names is public domain, CC0, CC BY, MIT, BSD, Apache or Pixabay's.

    Unknown, non-commercial, share-alike and mixed ones are not; nor is a line that leaves any of its parts open.
    """
    bare = re.sub(r"\([^)]*\)", "", licence)
    parts = [part.strip() for part in re.split(r";|/| or ", bare, flags=re.IGNORECASE)]
    return all(_CLEAN.fullmatch(part) for part in parts)
