"""What an explainer says of classes, and one line of the log about those of which it knows no more than the name."""

import logging
from collections.abc import Sequence

from mgcld.errors import ExplanationError
from mgcld.interfaces import Attributing, Explainer

logger = logging.getLogger(__name__)

SHOWN = 5
"""So many classes are named in the log."""


def sentences_about(names: Sequence[str], explainer: Explainer) -> dict[str, tuple[str, ...]]:
    """Class -> its sentences; the log says once of how many classes only the name is used.

    Raises:
        ExplanationError: there is nobody to ask, or nothing was said of a class.
    """
    said = {name: asked(name, explainer) for name in names}
    tell_known_by_name([name for name in names if origin_of(name, explainer).get("by") == "template"])
    return said


def asked(name: str, explainer: Explainer) -> tuple[str, ...]:
    """Each of the class's sentences on one line.

    Raises:
        ExplanationError: there is nobody to ask, or nothing was said.
    """
    sentences = tuple(" ".join(sentence.split()) for sentence in explainer.explain(name))
    if not all(sentences) or not sentences:
        raise ExplanationError(f"the explainer wrote no sentences about {name!r}", help="take another explainer")
    return sentences


def origin_of(name: str, explainer: Explainer) -> dict[str, str]:
    """Where the sentences come from, as far as the explainer says."""
    return dict(explainer.origin(name)) if isinstance(explainer, Attributing) else {}


def tell_known_by_name(names: Sequence[str]) -> None:
    """Say that nothing is known of these classes but what they are called; nothing where there are none."""
    if names:
        few = ", ".join(map(repr, names[:SHOWN])) + (", ..." if names[SHOWN:] else "")
        logger.warning(
            "explanations: of %d class%s only the name is used: %s; write sentences about them, or let a chat model "
            "(mgcld explain --with chat)",
            len(names),
            "es" if names[1:] else "",
            few,
        )
