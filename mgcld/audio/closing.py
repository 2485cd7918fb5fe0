"""Iterators that hold a device are closed by whoever opened them."""

import contextlib
from collections.abc import Iterator

from mgcld.data import AudioBlock


@contextlib.contextmanager
def closing(blocks: Iterator[AudioBlock]) -> Iterator[Iterator[AudioBlock]]:
    """Closes the iterator at the end, where it can be closed: a source may return any kind of iterator."""
    try:
        yield blocks
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            close()
