"""Which shots are named, and why."""

import numpy as np
import pytest
import torch
from reports import RATE, answers, recording

from mgcld.model.cache import Keys
from mgcld.training.reporting.diagnosis import of_answers, of_sound, twins
from mgcld.training.reporting.records import Trouble


def noise(level: float, seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    return level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def kinds(troubles: list[Trouble]) -> list[str]:
    return [trouble.kind for trouble in troubles]


def test_a_shot_nearer_to_another_class_is_perhaps_mislabelled() -> None:
    found = of_answers(answers([0, 0, 1], [[0.8, 0.3], [0.3, 0.8], [0.4, 0.45]]), ["bell", "dog"])
    assert list(found) == [1]
    assert kinds(found[1]) == ["label"]
    assert "nearer to 'dog' (0.80) than to its own class (0.30)" in found[1][0].why


def test_a_shot_unlike_its_class_is_told_where_enough_are_there_to_compare_with() -> None:
    near = [[0.8 + 0.01 * i] for i in range(9)] + [[0.4]]
    assert {shot: kinds(troubles) for shot, troubles in of_answers(answers([0] * 10, near), ["bell"]).items()} == {
        9: ["far"]
    }
    assert of_answers(answers([0] * 3, near[-3:]), ["bell"]) == {}


@pytest.mark.parametrize(
    ("samples", "kind"),
    [
        (noise(0.0005), "level"),
        (noise(0.002), "level"),  # not silent, but far below the rest
        (np.clip(noise(3.0), -1, 1), "clipped"),
        (noise(0.1, 0.2), "short"),
    ],
)
def test_what_is_wrong_with_the_sound_is_told(samples: np.ndarray, kind: str) -> None:
    good = [recording("bell", f"{i}.wav", noise(0.1, seed=i)) for i in range(3)]
    found = of_sound([*good, recording("bell", "odd.wav", samples)])
    assert [kinds(troubles) for troubles in found] == [[], [], [], [kind]]


def test_two_cuts_of_one_recording_are_told() -> None:
    coarse = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.2], [0.99, 0.0, 0.01]]), dim=1)
    keys = Keys(coarse, coarse[:, None].expand(-1, 2, -1), torch.full((3, 2), 0.5))
    found = twins(keys, [recording("bell", f"{i}.wav", noise(0.1)) for i in range(3)])
    assert {shot: kinds(troubles) for shot, troubles in found.items()} == {2: ["twin"]}
    assert "bell/0.wav" in found[2][0].why


def test_one_sound_in_two_classes_is_in_the_wrong_folder_once() -> None:
    coarse = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0, 0.0], [0.99, 0.0, 0.01]]), dim=1)
    keys = Keys(coarse, coarse[:, None].expand(-1, 2, -1), torch.full((2, 2), 0.5))
    found = twins(keys, [recording("bell", "0.wav", noise(0.1)), recording("dog", "0.wav", noise(0.1))])
    assert {shot: kinds(troubles) for shot, troubles in found.items()} == {1: ["label"]}
    assert "two classes" in found[1][0].why
