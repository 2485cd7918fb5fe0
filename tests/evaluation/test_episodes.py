"""Draws: nothing on both sides, folds kept, the same for the same seed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mgcld.errors import DataSetError
from mgcld.evaluation.datasets import DataSet, Layout
from mgcld.evaluation.episodes import Episode, Plan, draw
from mgcld.evaluation.labelsets import ESC50_NAMES, ESC50_TARGETS, FSDKAGGLE18_LABELS
from mgcld.evaluation.layouts import Clip


def dataset(clips: list[Clip], layout: Layout = "folder") -> DataSet:
    return DataSet(Path("/d"), layout, tuple(sorted({clip.name for clip in clips})), tuple(clips))


def many(names: list[str], layout: Layout, folds: list[str], sources: int = 2, cuts: int = 3) -> DataSet:
    """In each fold of each class so many sources, each cut so many times."""
    return dataset(
        [
            Clip(Path(f"/d/{name}/{fold}-{s}-{k}"), name, fold, f"{name} {fold} {s}")
            for name in names
            for fold in folds
            for s in range(sources)
            for k in range(cuts)
        ],
        layout,
    )


def sources(found: DataSet, side: tuple[tuple[int, ...], ...]) -> set[str]:
    return {found.clips[i].source for own in side for i in own}


def is_whole(found: DataSet, episode: Episode, plan: Plan) -> bool:
    """Every clip of its class, none twice, K shots, at least one question and at most as many as asked for."""
    own = [
        (found.classes[c], *parts) for c, *parts in zip(episode.classes, episode.support, episode.query, strict=True)
    ]
    clips = [i for _, support, query in own for i in (*support, *query)]
    return (
        len(set(episode.classes)) == plan.way
        and len(clips) == len(set(clips))
        and all(found.clips[i].name == name for name, *parts in own for part in parts for i in part)
        and all(len(support) == plan.shots and len(query) >= 1 for _, support, query in own)
        and all(not plan.queries or len(query) <= plan.queries for _, _, query in own)
    )


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=6, max_size=60),
    way=st.integers(2, 4),
    shots=st.integers(1, 4),
    queries=st.integers(0, 4),
)
def test_without_folds_shots_and_questions_never_share_a_source(
    seed: int, cuts: list[tuple[int, int]], way: int, shots: int, queries: int
) -> None:
    """Also where one source holds several classes."""
    found = dataset([Clip(Path(f"/d/{i}"), f"class {c}", None, f"source {s}") for i, (c, s) in enumerate(cuts)])
    plan = Plan("strict", way, shots, queries)
    try:
        episodes = draw(found, plan, 3, seed)
    except DataSetError:
        assume(False)
    for episode in episodes:
        assert is_whole(found, episode, plan)
        assert not sources(found, episode.support) & sources(found, episode.query)


def test_what_cannot_be_kept_apart_is_an_error_and_no_leak() -> None:
    found = dataset([Clip(Path(f"/d/{i}"), f"class {i % 2}", None, "one source") for i in range(20)])
    with pytest.raises(DataSetError, match="source recordings"):
        draw(found, Plan("strict", 2, 3, 5), 1, 0)
    with pytest.raises(DataSetError, match="only 0 classes"):
        draw(found, Plan("strict", 2, 10, 5), 1, 0)
    with pytest.raises(DataSetError, match="3-way"):
        draw(found, Plan("strict", 3, 1, 5), 1, 0)


def test_classes_with_too_few_recordings_are_named() -> None:
    found = dataset([Clip(Path(f"/d/{i}"), f"class {i % 5 if i < 10 else 0}", None, f"source {i}") for i in range(12)])
    with pytest.raises(DataSetError, match="only 1 classes") as caught:
        draw(found, Plan("strict", 2, 3, 1), 1, 0)
    assert "'class 1', 'class 2', 'class 3' and 1 more" in caught.value.help


@pytest.mark.parametrize("layout", ["esc50", "urbansound8k"])
def test_official_folds_ask_in_turn_and_the_others_are_learned_from(layout: Layout) -> None:
    found = many(["a", "b", "c"], layout, ["1", "2", "10"])
    plan = Plan("strict", 3, 4, 5)
    for turn, episode in enumerate(draw(found, plan, 6, 0)):
        assert is_whole(found, episode, plan)
        asked = {found.clips[i].fold for own in episode.query for i in own}
        assert asked == {["1", "2", "10"][turn % 3]}
        assert not asked & {found.clips[i].fold for own in episode.support for i in own}


def test_the_folds_that_are_asked_for_are_taken() -> None:
    found = many(["a", "b"], "folder", ["1", "2", "3", "5"])
    plan = Plan("strict", 2, 2, 0, support_folds=("1", "3"), query_folds=("5",))
    for episode in draw(found, plan, 5, 0):
        assert {found.clips[i].fold for own in episode.support for i in own} <= {"1", "3"}
        assert [len(own) for own in episode.query] == [6, 6]
        assert {found.clips[i].fold for own in episode.query for i in own} == {"5"}
    with pytest.raises(DataSetError, match="no fold '4'") as caught:
        draw(found, Plan("strict", 2, 2, 0, query_folds=("4",)), 1, 0)
    assert "1, 2, 3, 5" in caught.value.help


def test_fsdkaggle18_learns_from_verified_training_clips_and_asks_about_the_test() -> None:
    clips = [
        Clip(Path(f"/d/{name}{part}{k}"), name, part, f"{name}{part}{k}", verified=part == "test" or k > 1)
        for name in ("Bark", "Bus")
        for part in ("train", "test")
        for k in range(5)
    ]
    found = dataset(clips, "fsdkaggle18")
    for episode in draw(found, Plan("strict", 2, 3, 5), 4, 0):
        shots = [found.clips[i] for own in episode.support for i in own]
        assert all(clip.fold == "train" and clip.verified for clip in shots)
        assert all(found.clips[i].fold == "test" for own in episode.query for i in own)


def test_shots_come_from_as_many_sources_as_there_are() -> None:
    found = many(["a", "b"], "folder", ["1"], sources=6, cuts=4)
    for episode in draw(found, Plan("strict", 2, 4, 4), 10, 0):
        assert all(len(sources(found, (own,))) == 4 for own in episode.support)


def test_the_paper_draws_from_its_label_folds_and_looks_at_no_source() -> None:
    found = many(list(ESC50_NAMES), "esc50", ["1"], sources=1, cuts=12)
    plan = Plan("paper", 12, 5, 5)
    shared = 0
    for turn, episode in enumerate(draw(found, plan, 10, 0)):
        assert is_whole(found, episode, plan)
        names = {found.classes[c] for c in episode.classes}
        assert names <= {ESC50_NAMES[target] for target in ESC50_TARGETS[turn % 5]}
        shared += len(sources(found, episode.support) & sources(found, episode.query))
    assert shared > 0


def test_twelve_ways_of_fsdkaggle18_come_from_all_labels_and_ten_from_the_folds() -> None:
    labels = sorted({label for fold in FSDKAGGLE18_LABELS for label in fold})
    found = many([*labels, "Oboe", "Flute"], "fsdkaggle18", ["train", "test"])
    ten = draw(found, Plan("paper", 10, 1, 1), 5, 0)
    drawn = [{found.classes[c] for c in episode.classes} for episode in ten]
    assert drawn == [set(fold) for fold in FSDKAGGLE18_LABELS]
    twelve = draw(found, Plan("paper", 12, 1, 1), 40, 0)
    assert {found.classes[c] for episode in twelve for c in episode.classes} == set(found.classes)


def test_a_seed_is_a_draw_and_more_episodes_change_none() -> None:
    found = many(["a", "b", "c"], "folder", ["1"], sources=5)
    plan = Plan("strict", 2, 2, 2)
    assert draw(found, plan, 4, 7) == draw(found, plan, 9, 7)[:4]
    assert draw(found, plan, 4, 7) != draw(found, plan, 4, 8)


def test_every_class_and_clip_is_drawn_alike_often() -> None:
    found = many(["a", "b", "c", "d"], "folder", ["1"], sources=4, cuts=1)
    episodes = draw(found, Plan("strict", 2, 1, 1), 600, 0)
    counts = np.bincount([i for e in episodes for own in (*e.support, *e.query) for i in own], minlength=16)
    assert counts.min() > 100
    assert counts.max() < 200
