"""`mgcld train` and `mgcld classify` as their users run them."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from commands import is_polite, mgcld, refused
from safetensors import safe_open

from mgcld.demo.sounds import synthesise
from mgcld.model.checkpoint import load_adapter

RATE = 16_000


def record(path: Path, name: str, seed: int, seconds: float = 4.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, synthesise(name, seed, seconds, RATE), RATE)
    return path


@pytest.fixture
def support(tmp_path: Path) -> Path:
    for name in ("siren", "bird chirping"):
        for seed in (1, 2):
            record(tmp_path / "support" / name / f"{seed}.wav", name, seed)
    return tmp_path / "support"


def test_the_bank_explains_what_nobody_explained_in_as_many_sentences_as_are_wanted(
    support: Path, tmp_path: Path
) -> None:
    (support / "explanations.yaml").write_text("siren:\n- my own siren\n_made:\n- {classes: [siren], by: chat}\n")
    options = ("--explainer", "bank", "--explanations", 3)
    result = mgcld("train", "--shots", support, "-o", tmp_path / "a.safetensors", *options)
    assert result.returncode == 0, result.stderr
    adapter = load_adapter(tmp_path / "a.safetensors")
    assert adapter.classes == ("bird chirping", "siren")
    assert [len(own) for own in adapter.sentences] == [3, 1]
    assert adapter.sentences[0][0] == "the sound of birds chirping"
    assert adapter.sentences[1] == ("my own siren",)


def test_the_report_says_what_was_learned_and_what_was_not(support: Path, tmp_path: Path) -> None:
    (support / "siren" / "notes.txt").write_text("my notes")
    (support / "siren" / "broken.wav").write_text("RIFF, but not really\n" * 50)
    result = mgcld("train", "--shots", support, "-o", tmp_path / "a.safetensors")
    assert result.returncode == 0, result.stderr
    for said in ("siren", "bird chirping", "leave-one-out accuracy", "notes.txt", "broken.wav", "_background", "wrote"):
        assert said in result.stdout, said
    assert "Traceback" not in result.stderr


def test_the_json_report_is_for_machines_and_the_adapter_keeps_it(support: Path, tmp_path: Path) -> None:
    result = mgcld("train", "--shots", support, "-o", tmp_path / "a.safetensors", "--json")
    report = json.loads(result.stdout)
    assert {row["name"]: row["shots"] for row in report["classes"]} == {"bird chirping": 2, "siren": 2}
    assert 0 <= report["accuracy"] <= 1
    assert load_adapter(tmp_path / "a.safetensors").provenance.report["accuracy"] == report["accuracy"]


def test_the_page_is_written_beside_the_adapter_and_the_json_says_the_same(support: Path, tmp_path: Path) -> None:
    record(support / "siren" / "a bird.wav", "bird chirping", 3)  # in the wrong folder
    soundfile.write(support / "siren" / "silent.wav", np.zeros(2 * RATE), RATE)
    folder, evening = tmp_path / "reports" / "today", record(tmp_path / "evening.wav", "dog barking", 5, 12.0)
    options = ("--report", folder, "--background", evening, "--json")
    result = mgcld("train", "--shots", support, "-o", tmp_path / "a.safetensors", *options)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["report"] == str(folder / "report.html")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "siren/a bird.wav" in told["suspects"]
    assert [Path(item["path"]).name for item in told["skipped"]] == ["silent.wav"]
    assert [(alarms["source"], alarms["windows"]) for alarms in told["false_alarms"]] == [(str(evening), 3)]
    for named in ("siren/a bird.wav", "silent.wav", str(evening), "perhaps mislabelled"):
        assert named in page, named
    assert page.count("data:image/png") >= len(told["shots"]) == 5


def test_the_report_names_the_wrong_folder_and_the_false_alarms_in_the_terminal(support: Path, tmp_path: Path) -> None:
    record(support / "siren" / "a bird.wav", "bird chirping", 3)
    for seed in range(2):
        record(support / "_background" / f"{seed}.wav", "room tone", seed)
    result = mgcld("train", "--shots", support, "-o", tmp_path / "a.safetensors")
    for said in ("listen to siren/a bird.wav: perhaps mislabelled", "false alarms in _background", "coarse cache"):
        assert said in result.stdout, said


def test_with_a_background_each_recording_is_also_heard_in_the_place(support: Path, tmp_path: Path) -> None:
    page, adapter = tmp_path / "report", tmp_path / "a.safetensors"
    bare = json.loads(mgcld("train", "--shots", support, "-o", adapter, "--json").stdout)
    assert bare["in_place"]["asked"] == 0
    recordings = len(load_adapter(adapter).keys)
    record(support / "_background" / "bark.wav", "dog barking", 1, 6.0)
    told = json.loads(mgcld("train", "--shots", support, "-o", adapter, "--json").stdout)
    assert told["in_place"]["asked"] == 0
    assert any("nothing in _background/ sounds like a place" in line for line in told["advice"])
    record(support / "_background" / "room.wav", "room tone", 1, 6.0)
    told = json.loads(mgcld("train", "--shots", support, "-o", adapter, "--json", "--report", page).stdout)
    assert not any("a place" in line for line in told["advice"])
    assert told["in_place"]["asked"] == told["among_classes"]["asked"] == recordings == len(told["shots"])
    assert len(load_adapter(adapter).keys) == 2 * recordings
    assert "The same recordings over" in (page / "report.html").read_text()
    assert "the same recordings over _background/: " in mgcld("train", "--shots", support, "-o", adapter).stdout
    mgcld("train", "--shots", support, "-o", adapter, "--mode", "paper")
    assert len(load_adapter(adapter).keys) == recordings


def test_a_report_or_a_background_that_cannot_be_is_told_before_the_training(support: Path, tmp_path: Path) -> None:
    adapter, file = tmp_path / "a.safetensors", tmp_path / "file"
    file.write_text("-")
    for code, option in (73, ("--report", file)), (66, ("--background", tmp_path / "absent.wav")):
        assert refused("train", "--shots", support, "-o", adapter, *option)[0] == code
    assert is_polite(mgcld("train", "--shots", support, "-o", adapter, "--background", file), 66)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "support"]


def test_training_twice_gives_the_same_file_but_for_the_clock(support: Path, tmp_path: Path) -> None:
    tensors, calibrations = [], []
    for name in ("a", "b"):
        assert mgcld("train", "--shots", support, "-o", tmp_path / name).returncode == 0
        adapter = load_adapter(tmp_path / name)
        with safe_open(tmp_path / name, "pt") as file:
            tensors.append({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118 (not a mapping)
        calibrations.append(adapter.calibration)
    assert {"keys.fine", "fusion.w_c.weight", "alike.fine", "centre.coarse"} <= set(tensors[0]) == set(tensors[1])
    assert all(torch.equal(tensors[0][key], tensors[1][key]) for key in tensors[0])
    assert calibrations[0] == calibrations[1]


@pytest.mark.parametrize("mode", ["paper", "mgcl+"])
@pytest.mark.parametrize("background", [False, True])
def test_one_class_alone_is_told_from_everything_else(tmp_path: Path, mode: str, background: bool) -> None:
    for seed in range(3):
        record(tmp_path / "support" / "boiler alarm" / f"{seed}.wav", "smoke alarm", seed)
    for seed in range(3) if background else ():
        record(tmp_path / "support" / "_background" / f"{seed}.wav", "room tone", seed, 6.0)
    adapter = tmp_path / "a.safetensors"
    result = mgcld("train", "--shots", tmp_path / "support", "-o", adapter, "--mode", mode)
    assert result.returncode == 0, result.stderr
    assert ("advice" in result.stdout) is not background
    alarm, dog = record(tmp_path / "x.wav", "smoke alarm", 77), record(tmp_path / "y.wav", "dog barking", 77)
    answers = [json.loads(line) for line in mgcld("classify", alarm, dog, "--adapter", adapter).stdout.splitlines()]
    assert answers[0]["p"]["boiler alarm"] > 0.5
    assert answers[1]["p"]["unknown"] > 0.5


@pytest.mark.parametrize("mode", ["paper", "mgcl+"])
def test_one_shot_of_each_class_works(tmp_path: Path, mode: str) -> None:
    names = ("siren", "bird chirping", "clock ticking", "dog barking")
    for name in names:
        record(tmp_path / "support" / name / "1.wav", name, 1)
    adapter = tmp_path / "a.safetensors"
    result = mgcld("train", "--shots", tmp_path / "support", "-o", adapter, "--mode", mode)
    assert result.returncode == 0, result.stderr
    assert "one recording only" in result.stdout
    files = [record(tmp_path / f"{name}.wav", name, 50, 5.0) for name in names]
    answers = [json.loads(line) for line in mgcld("classify", *files, "--adapter", adapter).stdout.splitlines()]
    best = [max(names, key=answer["p"].get) for answer in answers]
    assert best == list(names)


def test_bad_input_is_a_named_error_and_leaves_the_old_adapter(support: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "a.safetensors"
    adapter.write_bytes(b"what was there before")
    (support / "empty").mkdir()
    assert refused("train", "--shots", support, "-o", adapter)[0] == 65
    (support / "empty").rmdir()
    (support / "only text").mkdir()
    (support / "only text" / "a.wav").write_text("no sound\n" * 100)
    assert is_polite(mgcld("train", "--shots", support, "-o", adapter), 65)
    shutil.rmtree(support / "only text")
    shutil.copytree(support / "siren", support / "other")
    code, said = refused("train", "--shots", support, "-o", adapter)
    assert code == 65
    assert "same audio" in said
    assert adapter.read_bytes() == b"what was there before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "support"]


def test_an_output_that_cannot_be_written_is_told(support: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for output in (tmp_path / "no" / "such" / "folder.safetensors", tmp_path, Path("/proc/a.safetensors"), fifo):
        assert refused("train", "--shots", support, "-o", output)[0] == 74


def test_explanations_of_ones_own_go_into_the_adapter(support: Path, tmp_path: Path) -> None:
    (support / "explanations.yaml").write_text("siren:\n  - a wailing pitch that rises and falls\n")
    assert mgcld("train", "--shots", support, "-o", tmp_path / "a").returncode == 0
    sentences = dict(zip(*[(a := load_adapter(tmp_path / "a")).classes, a.sentences], strict=True))
    assert sentences["siren"] == ("a wailing pitch that rises and falls",)
    assert len(sentences["bird chirping"]) == 8


def test_classify_prints_a_line_for_each_window(demo: Path) -> None:
    result = mgcld("classify", demo / "soundscape.flac", "--adapter", demo / "adapter.safetensors", "--hop", "2.5")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["start_seconds"] for answer in answers] == [2.5 * i for i in range(len(answers))]
    assert answers[-1]["end_seconds"] == pytest.approx(60)
    assert all(sum(answer["p"].values()) == pytest.approx(1, abs=1e-4) for answer in answers)
    assert set(answers[0]) == {"file", "start_seconds", "end_seconds", "p", "top", "caption"}


def test_classify_writes_csv(demo: Path) -> None:
    result = mgcld("classify", demo / "soundscape.flac", "--adapter", demo / "adapter.safetensors", "--format", "csv")
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert len(rows) == 12
    assert rows[1]["top"] in rows[1]
    assert float(rows[0]["unknown"]) > 0.5


def test_classify_says_how_to_name_the_recordings_of_a_folder(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "my sounds").mkdir()
    result = mgcld("classify", tmp_path / "my sounds", "--adapter", demo / "adapter.safetensors")
    assert result.returncode == 66
    assert f"mgcld classify '{tmp_path}/my sounds'/*" in result.stderr


def test_classify_goes_on_after_a_file_that_it_cannot_hear(demo: Path, tmp_path: Path) -> None:
    good = record(tmp_path / "good.wav", "siren", 9)
    result = mgcld("classify", tmp_path / "absent.wav", good, "--adapter", demo / "adapter.safetensors")
    assert is_polite(result, 66)
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == [str(good)]


def test_an_adapter_is_written_through_a_link(support: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert mgcld("train", "--shots", support, "-o", tmp_path / "link").returncode == 0
    assert (tmp_path / "link").is_symlink()
    assert load_adapter(tmp_path / "real").classes == ("bird chirping", "siren")


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    for name in ("bell [x]", "dör [red] 🔔"):
        record(tmp_path / "support" / name / "1 [dQw4].wav", "siren", len(name))
    (tmp_path / "support" / "bell [x]" / "notes [a].txt").write_text("-")
    result = mgcld("train", "--shots", tmp_path / "support", "-o", tmp_path / "a")
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in ("bell [x]", "notes [a].txt"))


def test_a_device_that_is_not_there_is_explained(support: Path, tmp_path: Path) -> None:
    assert is_polite(mgcld("train", "--shots", support, "-o", tmp_path / "a", "--device", "cuda:77"), 70)
