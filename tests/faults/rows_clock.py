"""Somebody sets the clock."""

import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from expected import WINDOW_SECONDS
from listening import Cut
from playbill import row
from stage import PLAYER, Result, Stage

from mgcld.data import NANOSECONDS

HOUR = 3600


@row(25, PYTHONPATH="{here}/set_clock:{path}", MGCLD_TEST_CLOCK="{folder}/offset")
def clock_step(folder: Path) -> Result:
    """Wall clock is set an hour ahead, and back."""
    set_ahead(folder, 0)
    with Stage(folder, PLAYER, {"moods": folder / "cam"}) as stage:
        stage.steady()
        for seconds in (HOUR, 0):
            set_ahead(folder, seconds)
            for listening in (stage.difficult, stage.healthy):
                stage.windows(listening, 6)
        for listening in (stage.difficult, stage.healthy):
            assert listening.fault is None, listening.fault
            assert listening.states == ["connecting", "live"], listening.states
            assert [round(step / HOUR) for step in steps(listening.cuts)] == [1, -1], listening.cuts
            assert {cut.epoch for cut in listening.cuts} == {0}
        stage.result.note = "the next window says `clock_step`; no window spans it"
        return stage.result


def set_ahead(folder: Path, seconds: int) -> None:
    draft = folder / "draft"
    draft.write_text(str(seconds))
    before = time.time()
    draft.replace(folder / "offset")
    assert seconds == 0 or time.time() - before > HOUR - 1, "the clock cannot be set here"


def steps(cuts: Iterable[Cut]) -> list[float]:
    """The seconds by which time leaps, each where a window is flagged, and nowhere else."""
    leaps = []
    for early, late in pairwise(cuts):
        leap = (late.start_ns - early.end_ns) / NANOSECONDS
        if "clock_step" in late.flags:
            leaps.append(leap)
        else:
            assert abs(leap) < WINDOW_SECONDS, (early, late)
    return leaps
