"""Reports, answers and recordings made by hand, for the tests beside."""

from pathlib import Path

import numpy as np
import torch

from mgcld.audio.levels import flags, level_dbfs
from mgcld.data import Window
from mgcld.model.options import MGCL_PLUS
from mgcld.model.parts import Parts
from mgcld.training.reporting.answers import Answers
from mgcld.training.reporting.records import ClassReport, Made, Share, ShotReport, Threshold
from mgcld.training.reporting.report import Report
from mgcld.training.reporting.shots import confused, confusion
from mgcld.training.shots import Recording

RATE = 16_000
MADE = Made("0.1.0", "mini", "0" * 64, "tags", 5.0, "mgcl+", {"steps": 20}, {}, {"width": 0.05}, "support", "now", 1.0)


def window(samples: np.ndarray) -> Window:
    heard = samples.astype(np.float32)
    return Window("a", heard, RATE, 0, 0, 0, "file", 0, len(heard), 0, level_dbfs(heard), flags(heard))


def recording(name: str, file: str, samples: np.ndarray) -> Recording:
    return Recording(Path("support") / name / file, name, (window(samples),), len(samples) / RATE, file)


def answers(truth: list[int], near: list[list[float]], p: list[list[float]] | None = None) -> Answers:
    """Closeness is all that is said; with `unknown` at 0 the probabilities follow it where none are given."""
    closeness = torch.tensor(near)
    said = torch.nn.functional.pad(closeness.softmax(1), (0, 1)) if p is None else torch.tensor(p)
    parts = Parts(closeness, closeness / 2, closeness / 3, closeness / 4)
    return Answers(torch.arange(len(truth)), torch.tensor(truth), said, closeness, parts, MGCL_PLUS, len(truth))


def shot(name: str, file: str, said: str | None, p: float | None = 0.5) -> ShotReport:
    return ShotReport(f"{name}/{file}", name, 2.0, -30.0, said, None if said is None else p)


def class_row(name: str, shots: list[ShotReport]) -> ClassReport:
    own = [shot for shot in shots if shot.name == name]
    said = [shot.said for shot in own if shot.said is not None]
    threshold = Threshold(0.5, tuple(shot.p for shot in own if shot.p is not None), (0.1, 0.2))
    right, unknown = said.count(name), said.count("unknown")
    return ClassReport(name, len(own), 2.0 * len(own), len(said), right, unknown, threshold, sentences=("it sounds",))


def report(*shots: ShotReport, background: int = 0, **more: object) -> Report:
    names = tuple(dict.fromkeys(shot.name for shot in shots))
    made = {
        "classes": tuple(class_row(name, list(shots)) for name in names),
        "shots": shots,
        "background_shots": background,
        "placeless": False,
        "confusion": confusion(names, shots),
        "confused": confused(shots),
        "parts": (),
        "among_classes": Share(0, 0),
        "in_place": Share(0, 0),
        "alarms": (),
        "skipped": (),
        "made": MADE,
    }
    return Report(**{**made, **more})  # type: ignore[arg-type]
