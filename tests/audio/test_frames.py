import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgcld.audio.frames import (
    HEAD,
    KINDS,
    MAGIC,
    MOST_BYTES,
    Begun,
    Decoder,
    Ended,
    Facts,
    Fault,
    FrameError,
    Note,
    Record,
    encode,
)
from mgcld.data import AudioBlock
from mgcld.errors import REASONS

WHOLE = st.integers(-(2**63), 2**63 - 1)
BLOCKS = st.builds(
    AudioBlock,
    st.lists(st.floats(-2, 2, width=32), max_size=50).map(lambda values: np.array(values, np.float32)),
    st.integers(1, 10**6),
    WHOLE,
    WHOLE,
    st.sampled_from(["adc", "rtcp", "arrival", "file"]),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32 - 1),
)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    BLOCKS,
    st.builds(Fault, st.sampled_from(REASONS), st.text(), st.text()),
    st.just(Begun()),
    st.just(Ended()),
    st.builds(Facts, st.dictionaries(st.text(), st.none() | st.integers() | st.text())),
    st.builds(Note, st.integers(0, 50), st.text()),
)


def fields(record: Record) -> object:
    """A record as something that can be compared."""
    if not isinstance(record, AudioBlock):
        return record
    return [record.samples.tolist(), *(getattr(record, name) for name in record.__slots__ if name != "samples")]


def framed(kind: int, payload: bytes) -> bytes:
    """A frame with a good head around anything."""
    return HEAD.pack(MAGIC, kind, len(payload), zlib.crc32(payload, kind)) + payload


@given(st.lists(RECORDS, max_size=5), st.lists(st.integers(1, 60), min_size=1))
def test_any_cutting_of_the_bytes_gives_the_same_records(records: list[Record], sizes: list[int]) -> None:
    stream = b"".join(map(encode, records))
    decoder, decoded, at = Decoder(), [], 0
    while at < len(stream):
        size = sizes[len(decoded) % len(sizes)]
        decoded += decoder.feed(stream[at : at + size])
        at += size
    assert list(map(fields, decoded)) == list(map(fields, records))
    assert decoder.waiting == 0


@given(st.binary(max_size=200))
def test_bytes_of_anybody_are_refused_or_wait(data: bytes) -> None:
    decoder = Decoder()
    try:
        records = list(decoder.feed(data))
    except FrameError:
        return
    assert records == []
    assert len(data) < HEAD.size or data.startswith(MAGIC)


@given(st.integers(0, len(KINDS) - 1), st.one_of(st.binary(max_size=100), st.from_type(dict).map(str).map(str.encode)))
def test_a_frame_that_holds_anything_is_refused_or_is_a_record(kind: int, payload: bytes) -> None:
    try:
        (record,) = Decoder().feed(framed(kind, payload))
    except FrameError:
        return
    assert isinstance(record, KINDS[kind])


@given(RECORDS, st.data())
def test_one_wrong_bit_is_found(record: Record, data: st.DataObject) -> None:
    frame = bytearray(encode(record))
    place = data.draw(st.integers(0, len(frame) - 1).filter(lambda at: at != 3))  # a byte of padding
    frame[place] ^= 1 << data.draw(st.integers(0, 7))
    decoder = Decoder()
    try:
        assert list(decoder.feed(bytes(frame))) == []  # it waits for more, as its length says
    except FrameError:
        return
    assert 4 <= place < 8


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (1, b'{"reason": "because", "message": "", "help": ""}'),
        (1, b'{"reason": "auth", "message": 3, "help": ""}'),
        (1, b'{"reason": ["auth"], "message": "", "help": ""}'),
        (2, b'{"more": 1}'),
        (3, b'{"facts": 5}'),
        (4, b'{"level": "high", "text": ""}'),
        (4, b"[" * 100_000),
        (0, b""),
        (0, struct.pack("<qqqIIB3x", 0, 0, 0, 0, 0, 0)),
        (0, struct.pack("<qqqIIB3x", 0, 0, 0, 0, 8000, 9)),
        (0, struct.pack("<qqqIIB3x", 0, 0, -1, 0, 8000, 0)),
        (0, struct.pack("<qqqIIB3x", 0, 0, 0, 0, 8000, 0) + b"odd"),
    ],
)
def test_what_makes_no_sense_is_refused(kind: int, payload: bytes) -> None:
    with pytest.raises(FrameError):
        list(Decoder().feed(framed(kind, payload)))


def test_no_length_makes_it_wait_for_ever() -> None:
    with pytest.raises(FrameError):
        list(Decoder().feed(HEAD.pack(MAGIC, 0, MOST_BYTES + 1, 0)))


def test_facts_are_json_whatever_they_are() -> None:
    (facts,) = Decoder().feed(encode(Facts({"path": object, "rate": 8000})))
    assert isinstance(facts, Facts)
    assert json.loads(json.dumps(facts.facts))["rate"] == 8000
