"""What an answer means for the message that it answers, and when that is tried again."""

import random
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from ._webhook_post import Answer, NoAnswer

FIRST_SECONDS = 1.0
MOST_SECONDS = 300.0
"""Tries lie so far apart at most ..."""
MOST_RETRY_AFTER = 3600.0
"""... unless the server asks for more, and then so far."""
MISTAKE_SECONDS = 30.0
"""An answer that a person must mend is not asked for again earlier."""
FOR_GOOD = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431})
"""They say that this message will never do."""
BUSY = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a message now."""

    fate: Literal["delivered", "refused", "again"]
    reason: str
    """What the server did, for people."""
    seconds: float = 0.0
    """Until it is tried again."""
    mistake: bool = False
    """A person must mend it: where we send to, or what we show there."""


def verdict(outcome: Answer | NoAnswer, tries: int) -> Verdict:
    """`tries`: how many failed before this one, in a row."""
    if isinstance(outcome, NoAnswer):
        return Verdict("again", str(outcome), _wait(FIRST_SECONDS, tries))
    status, reason = outcome.status, _named(outcome.status)
    if 200 <= status < 300:
        return Verdict("delivered", reason)
    if status in FOR_GOOD:
        return Verdict("refused", reason)
    asked = min(outcome.retry_after or 0.0, MOST_RETRY_AFTER)
    if status in BUSY or status >= 500:
        return Verdict("again", reason, max(asked, _wait(FIRST_SECONDS, tries)))
    if 300 <= status < 400:
        reason += ": it sends us elsewhere, and nothing secret goes there; write the address that it means"
    return Verdict("again", reason, max(asked, _wait(MISTAKE_SECONDS, tries)), mistake=True)


def _wait(first: float, tries: int) -> float:
    """Twice as long each time, spread, so that many daemons do not return in step."""
    return float(min(MOST_SECONDS, first * 2.0 ** min(tries, 30)) * random.uniform(1.0, 1.25))


def _named(status: int) -> str:
    try:
        return f"it answers {status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return f"it answers {status}"
