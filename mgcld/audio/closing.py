"""How an opening ends: whoever opened it closes it, and a bug in a source is a fault like any other."""

import contextlib
from collections.abc import Iterator

from mgcld.data import AudioBlock
from mgcld.errors import SourceError


@contextlib.contextmanager
def closing(blocks: Iterator[AudioBlock]) -> Iterator[Iterator[AudioBlock]]:
    """Closes the iterator at the end, where it can be closed: a source may return any kind of iterator."""
    try:
        yield blocks
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            close()


def broken(error: Exception) -> SourceError:
    """What a bug in a source's code is to those who listen; its traceback belongs into the log."""
    return SourceError(f"{type(error).__name__} in the source", help="a bug: the log holds the traceback")
