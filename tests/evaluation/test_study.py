"""From a data set to tables, in this process."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mgcld_plugins.explainers.template import TemplateExplainer
from recordings import esc50, fsdkaggle18, record, urbansound8k

from mgcld.assemble import file_at_full_speed
from mgcld.data import AudioFeatures, Features
from mgcld.evaluation import published
from mgcld.evaluation.account import Account
from mgcld.evaluation.bank import spoken
from mgcld.evaluation.features import Ear
from mgcld.evaluation.mgc import adapted, answers, foreign_of
from mgcld.evaluation.others import others_for
from mgcld.evaluation.report import evaluated
from mgcld.evaluation.study import Prepared, Question, prepare, settled, wishes_of
from mgcld.model.listen import Listener
from mgcld.model.options import PRESETS, Mode
from mgcld.training.train import Trainer

NAMES = ("siren", "rain", "knocking on a door", "bird chirping")


def uncounted(done: int, of: int) -> None:
    """No progress."""


def silently(what: str, done: int, of: int) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    for name in NAMES:
        for k in range(5):
            record(folder / name / f"{k}.wav", name, k, 1.0 + k % 3)
    return folder


@pytest.fixture(scope="module")
def ear(listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Ear:
    return Ear(listener, "tags", file_at_full_speed, 5.0, tmp_path_factory.mktemp("cache"), silently)


def question(folder: Path, ways: tuple[int, ...] = (), shots: tuple[int, ...] = ()) -> Question:
    return Question(folder, "strict", ways, shots, episodes=2, queries=2, seed=0)


def account(wish: Question, ear: Ear, *, table: int = 0, open_set: bool = False) -> Account:
    dataset, whole = settled(wish, table=bool(table))
    return evaluated(whole, dataset, ear, TemplateExplainer(), table=table, open_set=open_set, jobs=1)


@pytest.fixture(scope="module")
def prepared(classes: Path, ear: Ear) -> Prepared:
    dataset, _ = settled(question(classes), table=False)
    return prepare(dataset, ear, TemplateExplainer())


TABLES = {
    2: ("", ", caption only", ", audio only"),
    3: (", name only", *(f", {n} explanations" for n in (2, 4, 6, 8))),
    4: ("", " without coarse_cache", " without fine_cache", " without coarse_cache and fine_cache"),
    5: ("", " without coarse_contrast", " without fine_contrast", " without coarse_contrast and fine_contrast"),
}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_of_the_paper_has_its_rows(classes: Path, ear: Ear, table: int) -> None:
    (sheet,) = account(question(classes, (3,), (1, 2)), ear, table=table).sheets
    assert sheet.columns == ("accuracy in %", "3-way 1 shot", "3-way 2 shots", "mean")
    assert {row[0] for row in sheet.rows} == {
        f"{mode}{end}" for mode in ("MGC paper", "mgcl+") for end in TABLES[table]
    }
    assert all(0 <= float(row[-1]) <= 100 for row in sheet.rows)
    assert "none stand beside those of mini" in sheet.notes[-1]


def test_without_the_whole_cache_and_contrast_nothing_is_left(prepared: Prepared) -> None:
    parts = "coarse_cache fine_cache coarse_contrast fine_contrast"
    (wish,) = wishes_of(question(prepared.dataset.folder, (3,), (2,)), prepared)
    for mode in PRESETS.values():
        options = replace(mode, without=parts)
        adapter = adapted(prepared.ground.bank, wish.episodes[0], foreign_of(prepared.ground.foreign, options), options)
        assert not answers(adapter, torch.tensor([0, 1])).logits.any()


@pytest.mark.parametrize("mode", PRESETS)
def test_an_adapter_of_the_evaluation_says_what_a_trained_one_says(
    prepared: Prepared, listener: Listener, mode: Mode
) -> None:
    """The same shots through `Trainer` and `Adapter.predict`: the figures are those of what users run."""
    bank, dataset, options = prepared.ground.bank, prepared.dataset, PRESETS[mode]
    (wish,) = wishes_of(question(dataset.folder, (2,), (2,)), prepared)
    episode = wish.episodes[0]
    clips = torch.tensor([i for own in episode.query for i in own])
    bank.compare(options, uncounted)
    said = answers(adapted(bank, episode, foreign_of(prepared.ground.foreign, options), options), clips)
    adapter = _trained(prepared, listener, mode, episode.classes, episode.support)
    audio = AudioFeatures(bank.audio.fine[clips], bank.audio.weights[clips], bank.audio.coarse[clips])
    features = Features(audio, (None,) * len(clips), bank.caption[clips])
    predictions = adapter.predict(features, torch.zeros(len(clips), dtype=torch.bool))
    torch.testing.assert_close(said.p, torch.tensor([one.p for one in predictions]), atol=2e-3, rtol=0)
    torch.testing.assert_close(said.unknown, torch.tensor([one.unknown for one in predictions]), atol=2e-3, rtol=0)


def _trained(prepared, listener, mode, classes, support):  # type: ignore[no-untyped-def]
    """As `mgcld train` does it."""
    from mgcld.training.support import SupportSet

    names = [prepared.dataset.classes[c] for c in classes]
    paths = {name: tuple(prepared.dataset.clips[i].path for i in own) for name, own in zip(names, support, strict=True)}
    trainer = Trainer(
        listener=listener,
        captioner="tags",
        open_file=file_at_full_speed,
        explainer=TemplateExplainer(),
        options=PRESETS[mode],
        window_seconds=5.0,
        progress=silently,
    )
    found = trainer(SupportSet(prepared.dataset.folder, paths, (), {}, ()))[0]
    return getattr(found, "adapter", found)


def test_comparing_all_pairs_beforehand_changes_no_similarity(prepared: Prepared) -> None:
    bank = replace(prepared.ground.bank, pairs={})
    rows, columns = torch.tensor([3, 0, 7]), torch.tensor([1, 9, 4, 3, 2])
    for options in PRESETS.values():
        now = bank.near(rows, columns, options)
        bank.compare(options, uncounted)
        kept = bank.near(rows, columns, options)
        torch.testing.assert_close(kept.coarse, now.coarse)
        torch.testing.assert_close(kept.fine, now.fine, atol=1e-3, rtol=0)


def test_the_unknown(classes: Path, ear: Ear) -> None:
    found = account(question(classes, (2,), (1, 3)), ear, open_set=True)
    assert found.extra is not None
    one, three = found.extra["open_set"]
    for cell in (one, three):
        for name in ("auroc_left_out_classes", "auroc_generated_sounds", "auroc_backgrounds", "ece_with_unknown"):
            assert 0 <= cell[name]["low"] <= cell[name]["mean"] <= cell[name]["high"] <= 1
        assert 0 <= cell["alarms_per_hour_at_90_recall"]["mean"] <= 720
    assert three["auroc_backgrounds"]["mean"] > 0.7
    (sheet,) = found.sheets
    assert sheet.columns[1:] == ("1 shot", "3 shots")


def test_with_every_class_known_only_generated_sounds_are_unknown(classes: Path, ear: Ear) -> None:
    found = account(question(classes, (4,), (1,)), ear, open_set=True)
    assert found.extra is not None
    (cell,) = found.extra["open_set"]
    assert "auroc_left_out_classes" not in cell
    assert cell["auroc"] == cell["auroc_generated_sounds"]


def test_other_sounds_share_no_word_with_a_class() -> None:
    names = {window.source for window in others_for(("dog_bark", "Siren", "clock tick"), 16_000, 1.0).things}
    assert not names & {"dog barking", "siren", "clock ticking"}
    assert {"rain", "church bell"} <= names


def test_the_three_public_layouts(tmp_path: Path, ear: Ear) -> None:
    three = ("dog barking", "rain", "siren")
    folders = {
        "ESC-50": esc50(tmp_path / "a", [(0, "dog", three[0]), (10, "rain", three[1]), (42, "siren", three[2])]),
        "FSDKaggle2018": fsdkaggle18(tmp_path / "b", [("Bark", three[0]), ("Rain", three[1]), ("Siren", three[2])]),
        "UrbanSound8K": urbansound8k(tmp_path / "c", [(3, "dog_bark", three[0]), (8, "siren", three[2])]),
    }
    for name, folder in folders.items():
        for protocol in ("strict", "paper"):
            wish = replace(question(folder, (0,), (1,)), protocol=protocol)
            found = account(wish, ear)
            assert found.title == f"{name}, protocol {protocol}"
            assert [item.cell.way for item in found.figures] == [2 if name == "UrbanSound8K" else 3]
            shared = any("one recording" in note for note in found.notes)
            assert shared is (protocol == "paper")


def test_ways_and_shots_that_nobody_asked_for_fit_the_data_set(classes: Path) -> None:
    assert settled(question(classes), table=False)[1].ways == (4,)
    assert settled(question(classes), table=False)[1].shots == (1,)  # of five recordings, five leave no question
    assert settled(question(classes), table=True)[1].shots == (1,)


def test_a_class_is_spoken_in_words() -> None:
    assert [spoken(name) for name in ("Bass_drum", "Hi-hat", "dog bark")] == ["bass drum", "hi hat", "dog bark"]


def test_the_papers_averages_are_those_of_its_figures() -> None:
    for (table, layout), rows in published.FIGURES.items():
        for name, cells in rows.items():
            mean = published.AVERAGES.get((table, layout), {}).get(name)
            if mean is not None:
                assert sum(cells.values()) / len(cells) == pytest.approx(mean, abs=0.006)
