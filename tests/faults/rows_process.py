"""Faults of the capture process itself."""

import random
from pathlib import Path

import psutil
from difficult import tell
from playbill import row
from stage import PLAYER, STALL_PROMISE, Result, Stage

from mgcld.audio import frames

GIGABYTE = 2**30


def player(folder: Path) -> Stage:
    return Stage(folder, PLAYER, {"moods": folder / "cam"})


def order(folder: Path, words: str) -> None:
    tell(folder / "cam", words)


def one_fault(folder: Path, words: str, reason: str, within: float) -> Result:
    """An order that breaks one opening; the next one plays."""
    with player(folder) as stage:
        stage.steady()
        before = stage.difficult.pid
        stage.breaks()
        order(folder, words)
        stage.detects(reason, within=within)
        stage.recovers(within + 5)
        if words != "fail decode":
            assert before and not psutil.pid_exists(before), "the old process is still there"
        stage.ends_well()
        return stage.result


@row(20)
def process_hangs_with_the_lock(folder: Path) -> Result:
    """Library hangs with Python's lock."""
    return one_fault(folder, "lock", "timeout", STALL_PROMISE)


@row(22)
def process_ignores_sigterm(folder: Path) -> Result:
    """Child hangs and ignores SIGTERM."""
    return one_fault(folder, "ignore", "timeout", STALL_PROMISE)


@row(10)
def process_crashes(folder: Path) -> Result:
    """Child dies of SIGSEGV."""
    return one_fault(folder, "crash", "crashed", 2)


@row(10)
def source_breaks_off(folder: Path) -> Result:
    """Source fails politely."""
    return one_fault(folder, "fail decode", "decode", 2)


@row(22)
def corrupt_frames(folder: Path) -> Result:
    """Corrupt frames in the pipe."""
    dice = random.Random(5)
    with player(folder) as stage:
        stage.steady()
        for _ in range(3):
            stage.breaks()
            order(folder, f"spoil {dice.randbytes(dice.randrange(64, 4096)).hex()}")
            stage.detects("crashed", within=2)
            stage.recovers()
            stage.windows(stage.difficult, 2)
        stage.ends_well()
        return stage.result


@row(22)
def frame_without_end(folder: Path) -> Result:
    """A frame that says 8 MB and never ends."""
    head = frames.HEAD.pack(frames.MAGIC, 0, frames.MOST_BYTES, 0)
    return one_fault(folder, f"spoil {head.hex()}", "timeout", STALL_PROMISE)


@row(25)
def chatty_decoder(folder: Path) -> Result:
    """1 GB of decoder errors on stderr."""
    with player(folder) as stage:
        stage.steady()
        order(folder, f"chatter {GIGABYTE}")
        stage.until((folder / "cam.done").exists, 120)
        stage.ends_well()
        assert stage.difficult.is_undisturbed(), stage.difficult.states
        return stage.result


@row(55)
def never_starts(folder: Path) -> Result:
    """Never starts, then does."""
    (folder / "cam.down").write_text("unreachable")
    with player(folder) as stage:
        stage.breaks()
        stage.windows(stage.healthy, 4)
        stage.detects("unreachable", within=2)
        stage.alarms()
        assert stage.difficult.status.alarm_since_ns is not None
        (folder / "cam.down").unlink()
        stage.mends()
        stage.recovers()
        stage.steady()
        stage.ends_well()
        return stage.result


@row(12)
def samples_lost(folder: Path) -> Result:
    """The device loses 1000 samples."""
    with player(folder) as stage:
        stage.steady()
        order(folder, "skip 1000")
        stage.until(lambda: any(cut.gap for cut in stage.difficult.cuts))
        gaps = [cut.gap for cut in stage.difficult.cuts if cut.gap]
        assert gaps == [1000], gaps
        stage.ends_well()
        return stage.result
