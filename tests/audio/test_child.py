import io
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from mgcld.audio import frames
from mgcld.audio.child import Teller, open_once
from mgcld.data import AudioBlock


class Choosy:
    """Chooses, and says nothing else of itself."""

    live = True
    chosen: Mapping[str, Any] = {}

    def blocks(self) -> Iterator[AudioBlock]:
        self.chosen = {"device": 3}
        yield AudioBlock(np.zeros(8, np.float32), 8000, 0, 0)


class Long:
    live = True

    def blocks(self) -> Iterator[AudioBlock]:
        yield AudioBlock(np.zeros(frames.MOST_BYTES // 4, np.float32), 8000, 0, 0)


class Wordy:
    """A fact that tells something when it is looked at, as one that logs does."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def __str__(self) -> str:
        self._teller.tell(frames.Begun())
        return "wordy"


def told_by(source: Any) -> list[frames.Record]:
    pipe = io.BytesIO()
    open_once(source, Teller(pipe))
    return list(frames.Decoder().feed(pipe.getvalue()))


def test_what_a_source_chose_is_told_though_it_says_nothing_else() -> None:
    begun, facts, *_, ended = told_by(Choosy())
    assert (begun, facts, ended) == (frames.Begun(), frames.Facts({}, {"device": 3}), frames.Ended())


def test_a_block_that_is_too_long_is_the_fault_of_the_source(caplog: pytest.LogCaptureFixture) -> None:
    _, fault = told_by(Long())
    assert isinstance(fault, frames.Fault)
    assert "make shorter blocks" in caplog.text


def test_what_logs_while_it_is_told_does_not_wait_for_itself() -> None:
    pipe = io.BytesIO()
    teller = Teller(pipe)
    thread = threading.Thread(target=teller.tell, args=[frames.Facts({"it": Wordy(teller)})], daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert list(frames.Decoder().feed(pipe.getvalue())) == [frames.Begun(), frames.Facts({"it": "wordy"})]
