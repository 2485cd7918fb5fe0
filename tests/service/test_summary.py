"""The one line that a service manager shows."""

from mgcld.data import SourceStatus, State
from mgcld.service.daemon import MOST_NAMED, summary
from mgcld.service.pace import Pace


def line(*sources: tuple[str, State, bool]) -> str:
    statuses = [
        SourceStatus(name, state, since_ns=1, alarm_since_ns=1 if alarm else None) for name, state, alarm in sources
    ]
    return summary(Pace().status(0, statuses, 0))


def test_it_counts_the_sources_that_sound() -> None:
    assert line(("kitchen", "live", False), ("garden", "lost", False)) == "1/2 sources live"


def test_it_names_the_sources_in_alarm_and_one_that_has_just_come_back_is_still_in_it() -> None:
    garden: tuple[str, State, bool] = ("garden", "stalled", True)
    assert line(("a", "live", False), garden, ("cellar", "live", True)) == "2/3 sources live; alarm: garden, cellar"


def test_many_alarms_stay_one_short_line() -> None:
    many = line(*((f"camera{number}", "lost", True) for number in range(200)))
    assert many.startswith("0/200 sources live; alarm: camera0, ")
    assert many.endswith(f"camera{MOST_NAMED - 1}, ...")
    assert len(many) < 120
