"""What hypothesis makes up, written among the frames of a real capture process."""

import os
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from difficult import tell
from expected import RATE, played
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgcld.audio import frames
from mgcld.audio.remote import RemoteSource
from mgcld.data import AudioBlock
from mgcld.errors import SourceError

HERE = Path(__file__).parent
SILENT_SECONDS = 1.5
BLOCK = frames.encode(AudioBlock(np.ones(400, np.float32), RATE, 0, 0))


def framed(kind: int, payload: bytes) -> bytes:
    """Whole and with the right sum, whatever it says."""
    return frames.HEAD.pack(frames.MAGIC, kind, len(payload), zlib.crc32(payload)) + payload


def flipped(place: int, bit: int) -> bytes:
    changed = bytearray(BLOCK)
    changed[place] ^= 1 << bit
    return bytes(changed)


corrupt = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.builds(flipped, st.integers(0, len(BLOCK) - 1).filter(lambda place: place != 3), st.integers(0, 7)),
    st.builds(lambda end: BLOCK[:end], st.integers(1, len(BLOCK) - 1)),
    st.builds(framed, st.integers(1, 5), st.binary(max_size=40)),
    st.builds(framed, st.just(0), st.binary(max_size=31)),
    st.builds(framed, st.integers(6, 255), st.just(b"")),
    st.builds(lambda length: frames.HEAD.pack(frames.MAGIC, 0, length, 0), st.integers(0, 2**32 - 1)),
)


def outcome(source: RemoteSource, moods: Path, content: bytes) -> str:
    """What comes of these bytes in the middle of the sound; whatever is heard is what was played."""
    heard, quiet_since, told = 0, time.monotonic(), False
    try:
        for block in source.blocks():
            now = time.monotonic()
            if len(block.samples):
                assert (block.first_sample, block.sample_rate) == (heard, RATE)
                assert block.samples.tobytes() == played(heard, len(block.samples)).tobytes()
                heard, quiet_since = heard + len(block.samples), now
            elif now - quiet_since > SILENT_SECONDS:
                return "silent"
            if heard == 800 and not told:
                tell(moods, f"spoil {content.hex()}")
                told = True
            assert heard < 60 * RATE
    except SourceError as error:
        assert told
        return error.reason
    return "ended"


@pytest.mark.timeout(300)
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(content=corrupt)
def test_bytes_that_are_no_frames_are_never_heard_and_never_break_us(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """The process is ended as broken, or is silent, which the supervisor notices."""
    moods = tmp_path_factory.mktemp("moods") / "cam"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]))
        source = RemoteSource("cam", "difficult:Player", {"moods": moods, "speed": 20.0, "step_seconds": 0.025})
        assert outcome(source, moods, content) in ("crashed", "silent")
        source.close()
        assert source.pid is None
