"""Shots that somebody should listen to again, each with the reason."""

import statistics
from collections.abc import Iterator, Sequence

import torch

from mgcld.model.cache import Keys
from mgcld.training.reporting.answers import Answers
from mgcld.training.reporting.levels import clipped_share, level_dbfs
from mgcld.training.reporting.records import Trouble
from mgcld.training.shots import Recording

QUIET_DBFS = -60.0
"""Quieter than speech across a room by some 20 dB: mostly the microphone's own noise."""
QUIETER_DB = 25.0
"""So far below the middle of its class a shot was recorded from elsewhere, or is not the sound at all."""
CLIPPED_SHARE = 0.002
"""From this share of samples at full scale on it is told: a bang may touch it, a distorted recording stays there."""
SHORT_SECONDS = 0.3
"""A shorter recording is less than one segment of most encoders."""
NEARER = 0.1
"""Nearer to another class than to its own by so much (cosine) a shot may be in the wrong folder."""
FAR = 3.5
"""Modified z-scores below the middle (Iglewicz and Hoaglin 1993)."""
ENOUGH, LEAST_SPREAD = 8, 0.03
"""A spread is known from so many left-out shots on, and taken to be at least this (cosine)."""
SAME = 0.99
"""From this cosine of whole recordings on, two shots are very likely cuts of one."""


def of_sound(recordings: Sequence[Recording]) -> list[list[Trouble]]:
    """What is wrong with each recording as such."""
    levels = {recording.name: _middle(recordings, recording.name) for recording in recordings}
    return [list(_of_recording(recording, levels[recording.name])) for recording in recordings]


def _of_recording(recording: Recording, middle: float | None) -> Iterator[Trouble]:
    level, clipped = level_dbfs(recording.windows), clipped_share(recording.windows)
    if level is not None and level < QUIET_DBFS:
        yield Trouble("level", f"almost silent: {level:.0f} dBFS; record it louder, or nearer")
    elif level is not None and middle is not None and level < middle - QUIETER_DB:
        yield Trouble("level", f"{middle - level:.0f} dB quieter than its class usually is ({level:.0f} dBFS)")
    if clipped >= CLIPPED_SHARE:
        yield Trouble("clipped", "cut off at full scale: distorted; record it with less gain, or from further away")
    if recording.seconds < SHORT_SECONDS:
        yield Trouble("short", f"only {recording.seconds:.2f} s long")


def _middle(recordings: Sequence[Recording], name: str) -> float | None:
    levels = [level_dbfs(recording.windows) for recording in recordings if recording.name == name]
    known = [level for level in levels if level is not None]
    return statistics.median(known) if len(known) > 2 else None


def of_answers(answers: Answers, classes: Sequence[str]) -> dict[int, list[Trouble]]:
    """Shot -> what its left-out answer says against it."""
    own, rival, which = closest(answers)
    lowest = float(own.median()) - FAR * _spread(own) if len(own) >= ENOUGH else -1.0
    found: dict[int, list[Trouble]] = {}
    for row, shot in enumerate(answers.shots.tolist()):
        here, there = float(own[row]), float(rival[row])
        if there - here >= NEARER:
            other = classes[int(which[row])]
            why = f"perhaps mislabelled: nearer to {other!r} ({there:.2f}) than to its own class ({here:.2f})"
            found[shot] = [Trouble("label", why)]
        elif here < lowest:
            usual = float(own.median())
            why = f"unlike the other shots of its class: closeness {here:.2f}, where {usual:.2f} is usual"
            found[shot] = [Trouble("far", why)]
    return found


def closest(answers: Answers) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(closeness to its own class, to the nearest other, which that is) of each query; alone, a class has -1."""
    own = answers.near.gather(1, answers.truth[:, None])[:, 0]
    others = answers.near.scatter(1, answers.truth[:, None], -1.0)
    return own, others.amax(1), others.argmax(1)


def _spread(values: torch.Tensor) -> float:
    """A standard deviation that outliers do not stretch."""
    return max(float((values - values.median()).abs().median()) / 0.6745, LEAST_SPREAD)


def twins(keys: Keys, recordings: Sequence[Recording]) -> dict[int, list[Trouble]]:
    """Shot -> that it is nearly the same as one before it: leave-one-out then looks better than it is, or worse."""
    near = (keys.coarse @ keys.coarse.T).cpu().tril(-1)
    found = {}
    for shot in (near.amax(1) >= SAME).nonzero()[:, 0].tolist():
        other = recordings[int(near[shot].argmax())]
        same = f"nearly the same as {other.name}/{other.path.name}"
        if other.name == recordings[shot].name:
            found[shot] = [Trouble("twin", f"{same}: left out, it is recognised by its copy")]
        else:
            found[shot] = [Trouble("label", f"{same}: one sound in two classes")]
    return found
