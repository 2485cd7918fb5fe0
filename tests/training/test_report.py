"""The training report."""

import json
from pathlib import Path

from mgcld.training.report import ClassReport, Report, confusions
from mgcld.training.support import Skipped


def report(*classes: ClassReport, background: int = 0, confused: tuple[tuple[str, str, int], ...] = ()) -> Report:
    skipped = (Skipped(Path("a/b.wav"), "it is text"),)
    return Report(classes, background, confused, skipped, "mgcl+", 0.25, 20, 8.0, 0.5, 1.25)


def test_accuracy_counts_left_out_shots_of_all_classes() -> None:
    whole = report(ClassReport("bell", 4, 9.0, 4, 3, 1), ClassReport("dog", 1, 2.0, 0, 0, 0))
    assert whole.accuracy == 0.75
    assert whole.classes[0].accuracy == 0.75
    assert whole.classes[1].accuracy is None


def test_advice_names_single_shots_missing_background_and_confusions() -> None:
    advice = " ".join(report(ClassReport("dog", 1, 2.0, 0, 0, 0), confused=(("dog", "wolf", 2),)).advice)
    assert "'dog'" in advice
    assert "_background" in advice
    assert "'wolf' 2 times" in advice
    assert report(ClassReport("dog", 2, 4.0, 2, 2, 0), background=3).advice == ()


def test_the_most_confused_pairs_come_first() -> None:
    true, said = ["a", "a", "b", "b", "c"], ["b", "b", "b", "c", "a"]
    assert confusions(true, said) == (("a", "b", 2), ("b", "c", 1), ("c", "a", 1))


def test_the_json_is_plain() -> None:
    plain = json.loads(json.dumps(report(ClassReport("bell", 4, 9.0, 4, 3, 1)).as_json()))
    assert plain["classes"][0] == {
        "name": "bell",
        "shots": 4,
        "seconds": 9.0,
        "left_out": 4,
        "right": 3,
        "unknown": 1,
        "accuracy": 0.75,
    }
    assert plain["skipped"] == [{"path": "a/b.wav", "why": "it is text"}]
