"""From probabilities to events, in sentences."""

from dataclasses import replace
from typing import get_args

import pytest
from hearing import CLASSES, NOON_NS, PLAIN, SIZE, decider, heard, prediction, said, seconds, window
from ulid import ULID

from mgcld.data import NANOSECONDS, EndReason, Flag, Prediction
from mgcld.events import Decider, Rule, Rules


def rules(rule: Rule, **of: Rule) -> Rules:
    return Rules({**dict.fromkeys(CLASSES, rule), **of})


def at(second: float) -> int:
    return NOON_NS + round(second * NANOSECONDS)


def loud() -> Prediction:
    return prediction(0.9)


def test_a_class_begins_when_it_is_heard_and_is_over_when_it_is_quiet() -> None:
    events = heard(decider(), [0.1, 0.7, 0.9, 0.1, 0.1])
    assert said(events) == ["start 5-10", "update 5-15", "end 5-15 quiet"]
    assert len({event.id for event in events}) == 1
    last = events[-1]
    assert (last.source, last.name, last.adapter) == ("yard", "siren", "0a1b")
    assert (last.p_max, last.p_mean, last.windows) == (0.9, pytest.approx(0.8), 2)
    assert (last.threshold_on, last.threshold_off) == (0.6, 0.4)


def test_between_the_thresholds_nothing_begins_and_nothing_ends() -> None:
    made = decider()
    assert heard(made, [0.5] * 50) == []
    events = heard(made, [0.6, *[0.4] * 50], at=50 * SIZE)
    assert {event.phase for event in events} == {"start", "update"}
    assert len(made.open) == 1


def test_one_bark_in_five_overlapping_windows_is_one_hit() -> None:
    bark = [0.0] * 5 + [0.9] * 5 + [0.0] * 10
    assert heard(decider(replace(PLAIN, min_windows=2, of_windows=3)), bark, hop=10) == []
    assert said(heard(decider(), bark, hop=10)) == ["start 5-10", "end 5-14 quiet"]


def test_a_bark_that_lasts_makes_two_hits_as_soon_as_two_windows_do_not_overlap() -> None:
    events = heard(decider(replace(PLAIN, min_windows=2, of_windows=2)), [0.9] * 6, hop=10)
    assert said(events) == ["start 0-10"]
    assert events[0].windows == 6


def test_two_hits_can_be_gathered_with_a_hop_that_the_window_is_no_multiple_of() -> None:
    assert said(heard(decider(replace(PLAIN, min_windows=2, of_windows=2)), [0.9] * 4, hop=30)) == ["start 0-11"]


def test_with_a_hop_longer_than_the_window_n_windows_are_n_hops() -> None:
    rule = replace(PLAIN, min_windows=2, of_windows=3)
    assert said(heard(decider(rule, hop=20), [0.9, 0.1, 0.9], hop=200)) == ["start 0-45"]
    assert heard(decider(rule, hop=20), [0.9, 0.1, 0.1, 0.9], hop=200) == []


def test_quiet_windows_between_hits_belong_to_the_event() -> None:
    events = heard(decider(replace(PLAIN, min_windows=2, of_windows=4)), [0.9, 0.1, 0.1, 0.8])
    assert said(events) == ["start 0-20"]
    assert (events[0].windows, events[0].p_mean) == (4, pytest.approx(1.9 / 4))


def test_the_start_waits_until_the_sound_has_lasted() -> None:
    lasting = replace(PLAIN, min_seconds=12)
    assert heard(decider(lasting), [0.9, 0.9, 0.1, 0.9, 0.9, 0.1]) == []
    assert said(heard(decider(lasting), [0.1, 0.9, 0.5, 0.9, 0.1])) == ["start 5-20", "end 5-20 quiet"]


def test_a_sound_that_holds_between_the_thresholds_lasts_but_starts_only_when_it_is_heard() -> None:
    assert said(heard(decider(replace(PLAIN, min_seconds=12)), [0.9, 0.5, 0.5, 0.5, 0.7])) == ["start 0-25"]


def test_two_quiet_windows_that_overlap_are_one() -> None:
    patient = replace(PLAIN, quiet_windows=2)
    assert said(heard(decider(patient), [0.9, *[0.1] * 5], hop=10)) == ["start 0-5"]
    assert said(heard(decider(patient), [0.9, *[0.1] * 6], hop=10)) == ["start 0-5", "end 0-5 quiet"]


def test_one_quiet_window_between_is_part_of_the_sound_and_the_last_ones_are_not() -> None:
    events = heard(decider(replace(PLAIN, quiet_windows=2)), [0.8, 0.2, 0.8, 0.1, 0.1])
    assert said(events)[-1] == "end 0-15 quiet"
    assert (events[-1].windows, events[-1].p_mean) == (3, pytest.approx(0.6))


def test_sound_that_windows_share_counts_once_in_the_mean() -> None:
    last = heard(decider(), [0.6, 0.8, 0.8, 0.1], hop=10)[-1]
    assert last.p_mean == pytest.approx((50 * 0.6 + 10 * 0.8 + 10 * 0.8) / 70)


def test_a_class_is_held_back_for_a_while_after_its_end_and_then_heard_again() -> None:
    events = heard(decider(replace(PLAIN, refractory_seconds=10)), [0.9, 0.1, 0.9, 0.9, 0.1])
    assert said(events) == ["start 0-5", "end 0-5 quiet", "start 15-20", "end 15-20 quiet"]


def test_what_is_heard_while_a_class_is_held_back_does_not_make_it_last() -> None:
    events = heard(decider(replace(PLAIN, min_seconds=8, refractory_seconds=10)), [0.9, 0.9, 0.1, *[0.9] * 3])
    assert said(events) == ["start 0-10", "end 0-10 quiet", "start 20-30"]


def test_hits_before_a_quiet_while_count_for_the_start_but_not_for_its_duration() -> None:
    rule = replace(PLAIN, min_windows=2, of_windows=4, min_seconds=8)
    assert said(heard(decider(rule), [0.9, 0.1, 0.9, 0.9])) == ["start 0-20"]
    assert heard(decider(rule), [0.9, 0.1, 0.9]) == []


def test_an_event_that_goes_on_is_told_every_five_seconds_only() -> None:
    events = heard(decider(), [0.9] * 31, hop=5)
    assert said(events) == ["start 0-5", "update 0-10", "update 0-15", "update 0-20"]
    assert said(heard(decider(update_seconds=12), [0.9] * 8)) == ["start 0-5", "update 0-20", "update 0-35"]


@pytest.mark.parametrize(
    ("start", "epoch", "gap", "flags"),
    [
        (100, 0, 20, []),
        (100, 0, None, []),
        (0, 1, 0, []),
        (100, 0, 0, ["clock_step"]),
        (101, 0, 0, []),
        (20, 0, 0, []),
    ],
)
def test_an_event_ends_where_sound_is_missing_before_the_window_behind_is_judged(
    start: int, epoch: int, gap: int | None, flags: list[Flag]
) -> None:
    made = decider()
    heard(made, [0.9, 0.9])
    events = made.judge(window(start, epoch=epoch, gap=gap, flags=flags, start_ns=at(20)), prediction(0.8))
    assert said(events) == ["end 0-10 gap", "start 20-25"]
    assert events[1].p_max == 0.8


def test_windows_that_were_dropped_while_the_sound_overlaps_are_no_gap() -> None:
    made = decider()
    heard(made, [0.9], hop=10)
    assert said(made.judge(window(40), prediction(0.9))) == []
    assert said(made.judge(window(90), prediction(0.9))) == ["update 0-14"]
    assert said(made.judge(window(141), prediction(0.9))) == ["end 0-14 gap", "start 14.1-19.1"]


def test_half_gathered_evidence_is_void_behind_a_gap() -> None:
    for rule in (replace(PLAIN, min_windows=2, of_windows=3), replace(PLAIN, min_seconds=6)):
        made = decider(rule)
        heard(made, [0.9])
        assert made.judge(window(100, gap=50), prediction(0.9)) == []
        assert said(made.judge(window(150), prediction(0.9))) == ["start 10-20"]


def test_a_stream_that_comes_and_goes_does_not_flood_and_a_sound_behind_a_long_gap_is_told_at_once() -> None:
    made = decider(replace(PLAIN, refractory_seconds=10))
    flapping = [event for n in range(12) for event in made.judge(window(0, epoch=n, start_ns=at(5 * n)), loud())]
    assert [seconds(event.t_on_ns) for event in flapping if event.phase == "start"] == [0, 15, 30, 45]
    assert said(made.judge(window(0, epoch=99, start_ns=at(100)), loud())) == ["start 100-105"]


def test_a_clock_that_was_set_back_does_not_silence_a_class() -> None:
    made = decider(replace(PLAIN, refractory_seconds=10))
    heard(made, [0.9, 0.1])
    assert made.judge(window(100, flags=["clock_step"], start_ns=at(-3600)), loud()) == []
    assert made.judge(window(150, start_ns=at(-3595)), loud()) == []
    assert said(made.judge(window(200, start_ns=at(-3590)), loud())) == ["start -3590--3585"]


def test_a_late_window_counts_by_its_own_time_a_silent_one_is_quiet_and_a_partial_one_is_shorter() -> None:
    made = decider()
    assert said(made.judge(window(0, flags=["late"]), loud())) == ["start 0-5"]
    assert said(made.judge(window(50, flags=["silent"]), loud())) == ["end 0-5 quiet"]
    assert said(made.judge(window(100, flags=["partial"], valid=10), loud())) == ["start 10-11"]
    assert said(made.over("yard", "source_ended")) == ["end 10-11 source_ended"]


@pytest.mark.parametrize("reason", get_args(EndReason))
def test_what_is_open_ends_with_the_source_and_what_comes_later_is_new(reason: EndReason) -> None:
    made = decider()
    heard(made, [0.9])
    heard(made, [0.9], source="attic")
    assert said(made.over("yard", reason)) == [f"end 0-5 {reason}"]
    assert made.over("yard", reason) == []
    assert [event.source for event in made.open] == ["attic"]
    assert said(heard(made, [0.9], at=100)) == ["start 10-15"]


def test_half_gathered_evidence_is_void_when_a_source_is_over() -> None:
    made = decider(replace(PLAIN, min_windows=2, of_windows=2))
    heard(made, [0.9])
    assert made.over("yard", "paused") == []
    assert heard(made, [0.9], at=50) == []


def test_only_a_removed_source_is_forgotten() -> None:
    reasons: list[EndReason] = ["removed", "paused"]
    for reason in reasons:
        made = decider(replace(PLAIN, refractory_seconds=10))
        heard(made, [0.9])
        made.over("yard", reason)
        assert (heard(made, [0.9], at=50) == []) == (reason == "paused")


def test_a_source_that_nobody_heard_is_over_without_a_word() -> None:
    assert decider().over("cellar", "source_lost") == []


def test_at_the_end_everything_is_over_and_nothing_begins_again() -> None:
    made = decider()
    heard(made, [0.9])
    heard(made, [0.9], source="attic")
    assert said(made.close()) == ["end 0-5 shutdown"] * 2
    assert made.open == ()
    assert heard(made, [0.9], at=50) == []
    assert made.close() == []


def test_another_adapter_ends_what_is_open_and_goes_on_with_its_own_classes() -> None:
    made = decider()
    heard(made, [0.9])
    ended = made.use(("rain", "siren", "dog"), "ffff", rules(PLAIN, dog=PLAIN))
    assert said(ended) == ["end 0-5 adapter"]
    assert ended[0].adapter == "0a1b"
    events = made.judge(window(50), prediction(0.1, 0.9, 0.9, classes=("rain", "siren", "dog")))
    assert [(event.name, event.adapter) for event in events] == [("siren", "ffff"), ("dog", "ffff")]


def test_another_adapter_does_not_count_what_the_one_before_heard() -> None:
    rule = replace(PLAIN, min_windows=2, of_windows=2)
    made = decider(rule)
    heard(made, [0.9])
    made.use(CLASSES, "ffff", rules(rule))
    assert heard(made, [0.9], at=50) == []


def test_a_class_that_was_just_told_of_is_held_back_under_another_adapter_too() -> None:
    rule = replace(PLAIN, refractory_seconds=10)
    made = decider(rule)
    heard(made, [0.9])
    made.use(CLASSES, "ffff", rules(rule))
    assert said(heard(made, [0.9, 0.9, 0.9], at=50)) == ["start 15-20"]


def test_a_prediction_of_another_adapter_is_refused() -> None:
    with pytest.raises(ValueError, match="yard: a prediction of other classes than those of '0a1b'"):
        decider().judge(window(0), prediction(0.9, classes=("dog",)))


def test_other_rules_hold_from_then_on_for_what_is_open() -> None:
    made = decider()
    heard(made, [0.7])
    assert made.use(CLASSES, "0a1b", rules(replace(PLAIN, threshold_on=0.95, threshold_off=0.9))) == []
    events = heard(made, [0.92, 0.7], at=50)
    assert said(events) == ["update 0-10", "end 0-10 quiet"]
    assert (events[0].threshold_on, events[0].threshold_off) == (0.95, 0.9)


def test_what_may_become_an_event_goes_on_under_the_same_rule_and_begins_anew_under_another() -> None:
    for seconds_now, told in ((12, ["start 0-15"]), (11, [])):
        made = decider(replace(PLAIN, min_seconds=12))
        heard(made, [0.9, 0.9])
        made.use(CLASSES, "0a1b", rules(replace(PLAIN, min_seconds=seconds_now)))
        assert said(heard(made, [0.9], at=100)) == told


def test_an_event_whose_class_has_none_any_more_is_removed() -> None:
    made = decider()
    made.judge(window(0), prediction(0.9, 0.9))
    ended = made.use(CLASSES, "0a1b", rules(PLAIN, siren=replace(PLAIN, enabled=False)))
    assert [(event.name, event.reason) for event in ended] == [("siren", "removed")]
    assert [event.name for event in made.open] == ["rain"]


def test_where_events_are_off_there_are_none() -> None:
    assert heard(decider(replace(PLAIN, enabled=False)), [0.9] * 9) == []


def test_a_source_may_have_rules_of_its_own() -> None:
    made = Decider(longest_hop_seconds=5, update_seconds=5)
    made.use(CLASSES, "0a1b", Rules(rules(PLAIN).common, {"attic": {"siren": replace(PLAIN, threshold_on=0.95)}}))
    assert heard(made, [0.9], source="attic") == []
    assert made.judge(window(50, source="attic"), prediction(0.9, 0.9)) == []  # rain has no rule there
    assert len(heard(made, [0.9])) == 1


def test_times_may_be_changed_while_it_runs() -> None:
    made = decider()
    heard(made, [0.9])
    made.pace(longest_hop_seconds=30, update_seconds=20)
    assert said(heard(made, [0.9, 0.9, 0.9], hop=100, at=100)) == ["update 0-25"]


def test_what_is_open_is_told_as_it_stands_and_asking_changes_nothing() -> None:
    made = decider()
    heard(made, [0.7, 0.9, 0.5])
    (event,) = made.open
    assert (event.phase, event.p_max, event.windows, seconds(event.t_heard_ns)) == ("update", 0.9, 3, 15)
    assert made.open == (event,)
    assert said(heard(made, [0.9], at=150)) == ["update 0-20"]


def test_ids_sort_by_when_the_sound_was() -> None:
    made = decider()
    events = [event for event in heard(made, [0.9, 0.1] * 20) if event.phase == "start"]
    ids = [event.id for event in events]
    assert ids == sorted(ids)
    assert [ULID.from_str(event.id).milliseconds for event in events] == [e.t_on_ns // 1_000_000 for e in events]


@pytest.mark.parametrize("start_ns", [-5_000_000_000, 0, 2**62])
def test_no_time_is_too_strange_for_an_id(start_ns: int) -> None:
    assert len(decider().judge(window(0, start_ns=start_ns), loud())[0].id) == 26


def test_an_event_says_how_uncertain_its_least_certain_time_is() -> None:
    made = decider()
    made.judge(window(0, clock="arrival", uncertainty_ns=500), loud())
    (event,) = made.judge(window(50, clock="rtcp", uncertainty_ns=3), loud())
    assert (event.clock, event.clock_uncertainty_ns) == ("arrival", 500)
