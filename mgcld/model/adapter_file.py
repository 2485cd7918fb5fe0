"""The bytes of an adapter's file, taken apart with care: who wrote it is not known."""

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 2_000_000_000
"""Of a file: a thousand shots of a minute each, for an encoder with long rows, take a gigabyte."""
HEADER_SIZE = 8
"""A safetensors file begins with the size of its header, in so many bytes."""
MOST_HEADER_BYTES = 16_000_000
"""The notes stand in it, the training report among them: a kilobyte a class."""
MOST_DEPTH = 32
"""Of the notes' values within values."""
DTYPES = frozenset({"F32", "F16", "BF16"})


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before its tensors."""

    notes: Any
    """What mgcld wrote beside the tensors, as JSON; empty in another program's file."""
    tensors: Mapping[str, Any]
    """Name -> type and shape, as the file says."""

    @property
    def shapes(self) -> dict[str, Sequence[int]]:
        """Name -> shape.

        Raises:
            ValueError: a tensor is of another type, or has no shape.
        """
        return {name: _shape(name, said) for name, said in self.tensors.items()}


def read_content(path: Path) -> bytes:
    """A whole file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, or too large for an adapter.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would be waited for
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no regular file")
        content = file.read(MOST_BYTES + 1) if found.st_size <= MOST_BYTES else None
    if content is None or len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES / 1e9:g} GB")
    return content


def read_header(content: bytes) -> Header:
    """What stands before the tensors: safetensors reads it from files only, and a file may be replaced meanwhile.

    Raises:
        ValueError: there is no header, or one that no adapter has.
    """
    size = int.from_bytes(content[:HEADER_SIZE], "little")
    if not 0 < size <= min(MOST_HEADER_BYTES, len(content) - HEADER_SIZE):
        raise ValueError("it does not begin with a header of a size that an adapter can have")
    if content[HEADER_SIZE : HEADER_SIZE + 1] != b"{":
        raise ValueError("it is something else")
    header = _json(content[HEADER_SIZE : HEADER_SIZE + size])
    if not isinstance(header, dict):
        raise ValueError("its header is no mapping")
    metadata = header.pop("__metadata__", {})
    told = metadata.get("mgcld", "{}") if isinstance(metadata, dict) else None
    if not isinstance(told, str):
        raise ValueError("its notes are no text")
    notes = _json(told)
    _check_depth(notes, MOST_DEPTH)
    return Header(notes, header)


def _json(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("values within values, too deep") from None


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise ValueError(f"its notes are nested more than {MOST_DEPTH} deep")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(part, left - 1)


def _shape(name: str, said: Any) -> Sequence[int]:
    shape = said.get("shape") if isinstance(said, dict) else None
    if not (isinstance(shape, list) and all(type(length) is int for length in shape)):
        raise ValueError(f"{name[:80]!r} has no shape")
    if said.get("dtype") not in DTYPES:
        raise ValueError(f"{name[:80]!r} does not hold numbers of a type that an adapter has")
    return shape
