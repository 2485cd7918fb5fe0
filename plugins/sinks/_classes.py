"""The classes that a sink is asked for, beside those that there are."""

import difflib
import logging
from collections.abc import Sequence

from mgcld.data import Message

from ._names import as_label

logger = logging.getLogger(__name__)


class WantedClasses:
    """Knows what is wanted, and says what is waited for in vain."""

    def __init__(self, sink: str, deed: str, names: Sequence[str] | None) -> None:
        """None wants all. `sink` is its name for people, `deed` what it does with an event: `sent`."""
        self._sink, self._deed = sink, deed
        self._names = None if names is None else frozenset(names)
        self._known: frozenset[str] | None = None

    def __contains__(self, name: str) -> bool:
        return self._names is None or name in self._names

    def follow(self, message: Message) -> None:
        """Hear from `meta` which classes the adapter has: what it lacks is said once for each set of them."""
        if message.kind != "meta" or self._names is None or "classes" not in message.body:
            return
        known = frozenset(message.body["classes"])
        if known == self._known:
            return
        self._known = known
        lacking = ", ".join(_named(name, sorted(known)) for name in sorted(self._names - known))
        if lacking:
            text = "%s: classes: the adapter does not have %s: never %s until it does"
            logger.warning(text, self._sink, lacking, self._deed)


def _named(name: str, classes: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, classes, n=1, cutoff=0.5)
    meant = f" (did you mean {as_label(near[0])!r}?)" if near else ""
    return f"{as_label(name)!r}{meant}"
