from clocks import HandClock

from mgcld.audio.alarm import Alarm


def turns(alarm: Alarm, clock: HandClock, seconds: float) -> list[tuple[float, bool]]:
    """When it turned in the next seconds, and what to."""
    found = []
    for _ in range(round(seconds)):
        clock.on(1)
        if alarm.turned():
            found.append((clock.now - 1000, alarm.on))
    return found


def test_a_source_that_never_started_alarms_within_thirty_seconds() -> None:
    clock = HandClock()
    assert turns(Alarm(clock), clock, 100) == [(30, True)]


def test_a_source_that_is_back_for_thirty_seconds_ends_the_alarm() -> None:
    clock = HandClock()
    alarm = Alarm(clock)
    alarm.live()
    assert turns(alarm, clock, 50) == []
    alarm.lost()
    assert turns(alarm, clock, 40) == [(80, True)]
    assert alarm.seconds == 40
    alarm.live()
    assert turns(alarm, clock, 40) == [(120, False)]
    assert alarm.seconds == 0


def test_a_short_loss_is_no_alarm() -> None:
    clock = HandClock()
    alarm = Alarm(clock)
    for _ in range(10):
        alarm.live()
        assert turns(alarm, clock, 45) == []
        alarm.lost()
        assert turns(alarm, clock, 8) == []


def test_a_loss_soon_after_the_start_is_no_alarm_yet() -> None:
    clock = HandClock()
    alarm = Alarm(clock)
    alarm.live()
    assert turns(alarm, clock, 18) == []
    alarm.lost()
    assert turns(alarm, clock, 29) == []
    assert turns(alarm, clock, 1) == [(48, True)]


def test_a_source_that_comes_and_goes_is_one_alarm() -> None:
    clock = HandClock()
    alarm = Alarm(clock)
    found = []
    for _ in range(50):
        alarm.live()
        found += turns(alarm, clock, 12)
        alarm.lost()
        found += turns(alarm, clock, 7)
    assert [on for _, on in found] == [True]
