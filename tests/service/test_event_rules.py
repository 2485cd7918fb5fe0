"""What a person writes about events, and what then holds for each class at each source."""

from typing import Any

import pytest

from mgcld.config import EventsConfig
from mgcld.errors import ConfigError
from mgcld.events import Rule
from mgcld.service.event_rules import build_rules, check_classes, unknown_classes

CLASSES = ("dog", "chainsaw")
THRESHOLDS = (0.5, 0.8)


def rule(name: str = "dog", source: str = "yard", **events: Any) -> Rule:
    return build_rules(EventsConfig.model_validate(events), CLASSES, THRESHOLDS).rule(source, name)


def test_without_a_word_each_class_has_the_adapters_threshold() -> None:
    assert rule("dog") == Rule(threshold_on=0.5, threshold_off=pytest.approx(0.3))
    chainsaw = rule("chainsaw")
    assert (chainsaw.threshold_on, chainsaw.threshold_off) == (0.8, pytest.approx(0.48))
    assert (chainsaw.enabled, chainsaw.min_windows, chainsaw.of_windows, chainsaw.min_seconds) == (True, 1, 1, 0)
    assert (chainsaw.quiet_windows, chainsaw.refractory_seconds) == (2, 10)


def test_what_is_nearest_goes_first() -> None:
    events: dict[str, Any] = {"min_seconds": 1, "classes": {"dog": {"min_seconds": 2}}}
    assert rule("chainsaw", **events).min_seconds == 1
    assert rule("dog", **events).min_seconds == 2
    events["sources"] = {"yard": {"min_seconds": 3, "classes": {"chainsaw": {"min_seconds": 4}}}}
    assert rule("dog", **events).min_seconds == 3
    assert rule("chainsaw", **events).min_seconds == 4
    assert rule("chainsaw", "attic", **events).min_seconds == 1


def test_no_and_nothing_go_before_what_is_said_for_more() -> None:
    events = {"enabled": False, "min_seconds": 5, "classes": {"dog": {"enabled": True, "min_seconds": 0}}}
    assert (rule("dog", **events).enabled, rule("dog", **events).min_seconds) == (True, 0)
    assert rule("chainsaw", **events).enabled is False


def test_every_field_arrives() -> None:
    said = {
        "enabled": True,
        "threshold": 0.7,
        "threshold_off": 0.1,
        "min_windows": 2,
        "of_windows": 3,
        "min_seconds": 4.0,
        "quiet_windows": 5,
        "refractory_seconds": 6.0,
    }
    assert rule(**said) == Rule(True, 0.7, 0.1, 2, 3, 4.0, 5, 6.0)


def test_a_threshold_takes_the_one_for_quiet_along() -> None:
    assert rule(threshold=0.9).threshold_off == pytest.approx(0.54)
    scaled = rule(threshold_off=0.5, sources={"yard": {"classes": {"dog": {"threshold": 0.6}}}})
    assert (scaled.threshold_on, scaled.threshold_off) == (0.6, pytest.approx(0.36))
    nearer = rule(threshold=0.9, classes={"dog": {"threshold_off": 0.2}})
    assert (nearer.threshold_on, nearer.threshold_off) == (0.9, 0.2)


def test_a_threshold_for_quiet_above_the_other_is_named_with_its_path() -> None:
    with pytest.raises(ConfigError) as raised:
        rule(threshold=0.6, sources={"yard": {"classes": {"chainsaw": {"threshold_off": 0.7}}}})
    assert str(raised.value) == (
        "events.sources.yard.classes.chainsaw.threshold_off: 0.7 is above the threshold of 'chainsaw', "
        "events.threshold: 0.6"
    )
    with pytest.raises(ConfigError, match=r"^events\.threshold_off: 0.6 is above .* 'dog', the adapter's 0.5$"):
        rule(threshold_off=0.6)
    assert rule("chainsaw", threshold_off=0.5).threshold_off == 0.5


def test_where_only_m_is_said_n_is_as_many() -> None:
    assert rule(min_windows=3).of_windows == 3
    assert rule(min_windows=2, of_windows=5).of_windows == 5
    widened = rule(of_windows=2, classes={"dog": {"min_windows": 4}})
    assert (widened.min_windows, widened.of_windows) == (4, 4)
    assert rule(of_windows=4).min_windows == 1


def test_an_n_that_is_too_small_for_the_m_said_for_more_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^events\.classes\.dog\.of_windows: 3 of 2 windows of 'dog' can never"):
        rule(min_windows=3, of_windows=5, classes={"dog": {"of_windows": 2}})


def test_rules_for_classes_that_nobody_hears_are_told_with_what_may_be_meant() -> None:
    events = EventsConfig.model_validate(
        {"classes": {"chainsw": {}, "dog": {}}, "sources": {"yard": {"classes": {"elephant": {}}}}}
    )
    lines = [
        "events.classes.chainsw: the adapter has no such class; did you mean 'chainsaw'?",
        "events.sources.yard.classes.elephant: the adapter has no such class",
    ]
    assert unknown_classes(events, CLASSES) == lines
    with pytest.raises(ConfigError) as raised:
        check_classes(events, CLASSES)
    assert str(raised.value).splitlines() == lines
    assert raised.value.help == "the adapter's classes: 'dog', 'chainsaw'"
    check_classes(EventsConfig.model_validate({"classes": {"dog": {}}}), CLASSES)


def test_a_rule_for_a_class_that_nobody_hears_changes_nothing_else() -> None:
    assert rule(classes={"elephant": {"threshold": 0.9}}) == rule()


def test_a_class_without_a_rule_has_no_events() -> None:
    assert rule("elephant").enabled is False
