"""False alarms per hour."""

import pytest
import torch

from mgcld.training.reporting.alarms import MOST_MOMENTS, false_alarms
from mgcld.training.reporting.background import Judged

CLASSES = ("bell", "dog")


def test_windows_at_or_above_the_threshold_are_counted_per_class_and_per_hour() -> None:
    judged = [
        Judged("a.wav", torch.tensor([[0.5, 0.1], [0.9, 0.8], [0.2, 0.1]]), (0.0, 5.0, 10.0)),
        Judged("b.wav", torch.tensor([[0.6, 0.1]]), (0.0,)),
    ]
    alarms = false_alarms("_background", judged, [[0.5, 0.7], [0.7, 0.7]], CLASSES, 5.0)
    assert (alarms.counts, alarms.any, alarms.windows) == ({"bell": 2, "dog": 1}, 2, 4)
    assert alarms.hours == pytest.approx(20 / 3600)
    assert alarms.per_hour(2) == pytest.approx(360)
    assert [(moment.source, moment.start_seconds, moment.name) for moment in alarms.moments] == [
        ("a.wav", 5.0, "bell"),
        ("a.wav", 0.0, "bell"),
    ]
    assert alarms.highest["bell"] == pytest.approx((0.9, 0.6, 0.5, 0.2))


def test_the_interval_never_claims_more_windows_than_an_hour_has() -> None:
    alarms = false_alarms("x", [Judged("x", torch.zeros(2, 2), (0.0, 5.0))], [[0.5, 0.5]], CLASSES, 5.0)
    assert alarms.interval(0) == (0.0, 720.0)
    hour = false_alarms("x", [Judged("x", torch.zeros(720, 2), (0.0,) * 720)], [[0.5, 0.5]], CLASSES, 5.0)
    assert hour.interval(0)[1] == pytest.approx(3, abs=0.01)


def test_a_noisy_background_names_only_the_worst_moments() -> None:
    p = torch.linspace(0.6, 0.9, 50)[:, None].expand(-1, 2)
    alarms = false_alarms("x", [Judged("x", p, tuple(5.0 * i for i in range(50)))], [[0.5, 0.5]], CLASSES, 5.0)
    assert len(alarms.moments) == MOST_MOMENTS
    assert alarms.moments[0].start_seconds == 245
