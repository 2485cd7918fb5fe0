"""What a capture process tells its parent: records as bytes, whole or not at all.

A frame is `MG`, kind, length, CRC-32 of kind and payload, payload. Everything but sound is JSON, so that nothing that a
broken process writes can do more than be refused.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast, get_args

import numpy as np

from mgcld.data import AudioBlock, Clock
from mgcld.errors import REASONS, Reason

MAGIC = b"MG"
HEAD = struct.Struct("<2sBxII")
BLOCK = struct.Struct("<qqqIIB3x")
"""first_sample, captured_ns, clock_uncertainty_ns, epoch, sample_rate, clock."""
CLOCKS: tuple[Clock, ...] = get_args(Clock)
MOST_BYTES = 8 * 2**20
"""A block of ten seconds at 192 kHz; a length beyond this is no length."""
FASTEST = 10**6
"""Hertz: a rate beyond this is no rate."""


class FrameError(ValueError):
    """These bytes are no frames: whoever wrote them is broken."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The process has started, and begins to open its source."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The opening has failed; the process stays and may be told to open again."""

    reason: Reason
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The sound has ended by itself."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the source says of what it has opened."""

    facts: dict[str, Any] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    """Options of the next process, if there must be one, so that it opens the same."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the log, of one of logging's levels."""

    level: int
    text: str


Record: TypeAlias = AudioBlock | Begun | Fault | Ended | Facts | Note
KINDS: tuple[type[Record], ...] = (AudioBlock, Fault, Ended, Facts, Note, Begun)


def encode(record: Record) -> bytes:
    """One frame.

    Raises:
        ValueError: the record is too long for one.
    """
    payload = _block_bytes(record) if isinstance(record, AudioBlock) else _json_bytes(record)
    if len(payload) > MOST_BYTES:
        raise ValueError(f"{len(payload)} bytes at once are too many, {MOST_BYTES} are the most: make shorter blocks")
    kind = KINDS.index(type(record))
    return HEAD.pack(MAGIC, kind, len(payload), zlib.crc32(payload, kind)) + payload


class Decoder:
    """Bytes in, as they come; records out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Record]:
        """The records that these bytes complete, in order.

        Raises:
            FrameError: they are no frames.
        """
        self._buffer += data
        while (record := self._next()) is not None:
            yield record

    @property
    def waiting(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)

    def _next(self) -> Record | None:
        if len(self._buffer) < HEAD.size:
            return None
        magic, kind, length, check = HEAD.unpack_from(self._buffer)
        if magic != MAGIC or kind >= len(KINDS) or length > MOST_BYTES:
            raise FrameError("no frame begins here")
        end = HEAD.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEAD.size : end])
        del self._buffer[:end]
        if zlib.crc32(payload, kind) != check:
            raise FrameError("a frame is damaged")
        return _record(KINDS[kind], payload)


def _record(kind: type[Record], payload: bytes) -> Record:
    try:
        return _block(payload) if kind is AudioBlock else _from_json(kind, json.loads(payload, parse_constant=_none))
    except (ValueError, TypeError, KeyError, struct.error, RecursionError) as error:
        raise FrameError(f"a frame makes no sense: {error}") from error


def _block_bytes(block: AudioBlock) -> bytes:
    clock = CLOCKS.index(block.clock)
    times = (block.first_sample, block.captured_ns, block.clock_uncertainty_ns)
    return BLOCK.pack(*times, block.epoch, block.sample_rate, clock) + block.samples.astype("<f4", copy=False).tobytes()


def _block(payload: bytes) -> AudioBlock:
    first_sample, captured_ns, uncertainty_ns, epoch, sample_rate, clock = BLOCK.unpack_from(payload)
    if not 0 < sample_rate <= FASTEST or clock >= len(CLOCKS) or uncertainty_ns < 0:
        raise ValueError("a block of no rate, clock or certainty")
    samples = np.frombuffer(payload, "<f4", offset=BLOCK.size).astype(np.float32, copy=False)
    return AudioBlock(samples, sample_rate, first_sample, captured_ns, CLOCKS[clock], uncertainty_ns, epoch)


def _json_bytes(record: Begun | Fault | Ended | Facts | Note) -> bytes:
    return json.dumps({name: getattr(record, name) for name in record.__slots__}, default=str).encode()


def _from_json(kind: type[Record], fields: Any) -> Record:
    record: Any = cast(Any, kind)(**fields)
    if isinstance(record, Fault) and not (record.reason in REASONS and _texts(record.message, record.help)):
        raise ValueError("a fault of no reason")
    if isinstance(record, Note) and not (isinstance(record.level, int) and _texts(record.text)):
        raise ValueError("a note of no level or text")
    if isinstance(record, Facts) and not (isinstance(record.facts, dict) and isinstance(record.chosen, dict)):
        raise ValueError("facts are a mapping")
    return cast(Record, record)


def _none(constant: str) -> None:
    """NaN and the infinities are no JSON for those who will read these facts."""


def _texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)
