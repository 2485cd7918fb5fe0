"""The report's own conclusions, and its plain values."""

import json
from dataclasses import replace
from pathlib import Path

from reports import report, shot

from mgcld.training.reporting.plain import as_plain, summary
from mgcld.training.reporting.records import Trouble
from mgcld.training.support import Skipped


def test_accuracy_counts_left_out_shots_of_all_classes() -> None:
    bells = [shot("bell", f"{i}.wav", said) for i, said in enumerate(["bell", "bell", "bell", "unknown"])]
    whole = report(*bells, shot("dog", "1.wav", None))
    assert whole.share.value == 0.75
    assert whole.classes[0].share.value == 0.75
    assert whole.classes[1].share.value is None
    assert whole.classes[0].unknown == 1


def test_advice_names_single_shots_missing_background_wrong_folders_and_confusions() -> None:
    twice = [shot("dog", f"{i}.wav", "wolf") for i in range(2)]
    odd = replace(shot("wolf", "odd.wav", "wolf"), troubles=(Trouble("label", "nearer to 'dog'"),))
    advice = " ".join(report(*twice, odd, shot("cow", "1.wav", None)).advice)
    for told in (
        "only of 'wolf', 'cow'",
        "_background",
        "wrong folder: 'wolf/odd.wav'",
        "'dog' was taken for 'wolf' (2 of 2): add shots of both, or merge",
    ):
        assert told in advice, told
    assert report(shot("dog", "1.wav", "dog"), shot("dog", "2.wav", "dog"), background=3).advice == ()


def test_the_most_confused_pairs_come_first_and_say_how_often_back() -> None:
    pairs = [("a", "b"), ("a", "b"), ("b", "b"), ("b", "a"), ("b", "c"), ("c", "c")]
    made = report(*(shot(name, f"{i}.wav", said) for i, (name, said) in enumerate(pairs)))
    assert [(p.name, p.said, p.count, p.of, p.back) for p in made.confused] == [
        ("a", "b", 2, 2, 1),
        ("b", "a", 1, 3, 2),
        ("b", "c", 1, 3, 0),
    ]
    assert "merge" in made.confused[0].hint
    assert "belong there" in made.confused[2].hint
    assert made.confusion == ((0, 2, 0, 0), (1, 1, 1, 0), (0, 0, 1, 0))


def test_the_closest_call_is_the_shot_with_the_least_lead() -> None:
    near = [replace(shot("a", f"{i}.wav", "a"), near=0.8, rival="b", near_rival=0.3 + 0.1 * i) for i in range(3)]
    assert report(*near, shot("b", "1.wav", None)).closest_call == near[2]
    assert report(shot("a", "1.wav", "a")).closest_call is None


def test_the_json_is_plain_and_says_what_the_page_says() -> None:
    skipped = (Skipped(Path("bell/b.wav"), "it is text"),)
    made = report(shot("bell", "1.wav", "bell"), shot("bell", "2.wav", "unknown"), skipped=skipped)
    plain = json.loads(json.dumps(as_plain(made)))
    row = plain["classes"][0]
    assert (row["name"], row["shots"], row["left_out"], row["right"], row["accuracy"]) == ("bell", 2, 2, 1, 0.5)
    assert row["threshold"]["heard"]["asked"] == 2
    assert plain["skipped"] == [{"path": "bell/b.wav", "why": "it is text"}]
    assert plain["shots"][1]["said"] == "unknown"
    assert plain["confusion"]["counts"] == [[1, 1]]
    assert "shots" not in summary(made)
