"""The recipe of `mini` from clips to weights, with a teacher of our own in place of YAMNet."""

import csv
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from mgcld_plugins.encoders._mini_file import audio_nets, read_weights
from mgcld_plugins.encoders.mini import WEIGHTS, MiniEncoder
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

pytest.importorskip("scipy", reason="the recipe needs scipy")

from train_mini import clips, evaluate, everyday, export, pool, prepare, report, train
from train_mini.batches import Pool
from train_mini.bits import in_eight_bits, in_four_bits
from train_mini.episodes import few_shot, zero_shot
from train_mini.hybrids import apart, crossed
from train_mini.licences import may_be_published
from train_mini.mixing import Mixer
from train_mini.student import Student, audio_half, begun_from, channels_of, folded
from train_mini.teacher import Lesson
from train_mini.texts import projection

RATE = 16_000
TEXTS = ("whistle", "noise", "knocks")


class Stand:
    """Hears like both teachers as far as shapes and ranges go: everything is a function of each segment's spectrum."""

    def hear(self, window: np.ndarray) -> Lesson:
        padded = np.pad(window, (0, -len(window) % 5120)).reshape(-1, 5120)
        spectrum = np.abs(np.fft.rfft(padded, axis=1))[:, 1:2561].reshape(len(padded), 512, 5).mean(2)
        features = np.concatenate([spectrum, np.sqrt(spectrum)], 1)
        tags = np.zeros((len(padded), 521))
        tags[:, :512] = spectrum / (spectrum + 1)
        tags[:, 494] = np.abs(padded).max(1) < 1e-3
        return Lesson(features.astype(np.float32), tags.astype(np.float32), np.sqrt(spectrum).astype(np.float32))


def sound(text: str, seed: int) -> np.ndarray:
    random, t = np.random.default_rng(seed), np.arange(2 * RATE) / RATE
    if text == "whistle":
        return 0.3 * np.sin(2 * np.pi * random.uniform(800, 3000) * t)
    hiss = random.normal(0, 0.1, len(t))
    return hiss if text == "noise" else hiss * (t % 0.5 < 0.02)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of each text that may be published, and seven that may not."""
    folder = tmp_path_factory.mktemp("corpus")
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "source_repo", "original_path", "license", "text"])
        for text in TEXTS:
            for take in range(10):
                name = f"{text}{take}.wav"
                soundfile.write(folder / name, sound(text, take), RATE)
                table.writerow([name, "here", name, "CC0-1.0" if take < 3 else "unknown", text])
    return folder


@pytest.fixture(scope="module")
def made(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool of two shards and what is prepared from it."""
    folder = tmp_path_factory.mktemp("made")
    material = clips.read([corpus], pool.usable)
    assert {clip.text for clip in material} == set(TEXTS)
    assert len(material) == 9
    for number in range(2):
        mixer = Mixer(material, np.random.default_rng(number))
        pool.write(folder / "pool" / f"0{number}-0000.npz", material, mixer, Stand(), 24)
    names = prepare.texts_of(folder / "pool")
    assert names == sorted(TEXTS)
    random = torch.Generator().manual_seed(0)
    meanings, tags = (normalize(torch.randn(rows, 256, generator=random), dim=-1) for rows in (3, 521))
    prepare.save(folder / "prepared.safetensors", prepare.axes_of(folder / "pool"), names, meanings, tags)
    return folder


def test_networks_that_will_be_averaged_have_axes_in_common(made: Path, tmp_path: Path) -> None:
    meanings, tags = (normalize(torch.randn(rows, 256), dim=-1) for rows in (2, 521))
    prepare.save(tmp_path / "new", load_file(made / "prepared.safetensors"), ["bell", "cat"], meanings, tags)
    old, new = (prepare.load(path) for path in (made / "prepared.safetensors", tmp_path / "new"))
    assert new.names == ["bell", "cat"]
    assert torch.equal(new.meaning.names, meanings)
    assert torch.equal(new.whitening.axes, old.whitening.axes)
    assert torch.equal(new.effects.axes, old.effects.axes)
    assert torch.equal(new.meaning.rarity, old.meaning.rarity)


def trained(
    made: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, more: str = ""
) -> dict[str, Any]:
    command = f"train {made / 'pool'} {made / 'prepared.safetensors'} {checkpoint} --batch 16 --threads 1 --device cpu"
    command += f" {more}"
    monkeypatch.setattr(sys, "argv", [*command.split(), "--minutes", str(seconds / 60), "--check", "01"])
    before = torch.get_num_threads()
    train.main()
    torch.set_num_threads(before)
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return state


def test_from_clips_to_weights_that_the_encoder_loads(
    made: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = trained(made, tmp_path / "run.pt", monkeypatch, 3)
    assert "check" in capsys.readouterr().out
    again = trained(made, tmp_path / "run.pt", monkeypatch, 5)
    assert again["steps"] > state["steps"] > 0
    assert again["seconds"] == 5
    weights = tmp_path / "mini.safetensors"
    trained(made, tmp_path / "narrow.pt", monkeypatch, 0.5, "--channels 8 16 24 32 40")
    narrow = trained(made, tmp_path / "narrow.pt", monkeypatch, 1)
    further = trained(made, tmp_path / "further.pt", monkeypatch, 0, f"--begin-from {tmp_path / 'narrow.pt'}")
    assert channels_of(narrow["student"]) == channels_of(further["student"]) == (8, 16, 24, 32, 40)
    networks = [str(tmp_path / "run.pt"), str(tmp_path / "narrow.pt")]
    told_of = ["--pool", str(made / "pool"), "--licence", "CC0", "--training", "on three sounds"]
    arguments = ["export", *networks, str(weights), *told_of]
    monkeypatch.setattr(sys, "argv", arguments)
    export.main()
    assert weights.stat().st_size <= 10e6
    encoder, former = MiniEncoder("cpu", weights), MiniEncoder("cpu", WEIGHTS)
    assert (encoder.audio_dim, encoder.text_dim, encoder.tag_names) == (768, 385, former.tag_names)
    assert torch.equal(encoder._text(["rain"]), former._text(["rain"]))
    assert [len(net.stem.bias) for net in encoder._nets] == [32, 8]
    assert (read_weights(weights)[1]["licence"], read_weights(weights)[1]["training"]) == ("CC0", "on three sounds")
    again = tmp_path / "again.safetensors"
    monkeypatch.setattr(sys, "argv", ["export", str(weights), str(again), *told_of])
    export.main()
    for one, other in zip(audio_half(again), audio_half(weights), strict=True):
        assert set(one) == set(other)
        assert all(torch.allclose(tensor, other[name], atol=1e-6) for name, tensor in one.items())
    monkeypatch.setattr(sys, "argv", ["evaluate", str(weights), "--corpus", str(corpus), "--episodes", "2"])
    monkeypatch.setattr(evaluate, "CELLS", ((2, 1), (3, 5)))
    evaluate.main()
    told = capsys.readouterr().out
    assert "by text: 3 classes, 21 recordings" in told
    assert "everyday: 0 classes, 0 recordings" in told


def test_real_recordings_are_told_by_shots_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in TEXTS:
        (tmp_path / text).mkdir()
        for take in range(9):
            fold = 5 if take < 2 else 1
            soundfile.write(tmp_path / text / f"{fold}-{take}-A.wav", sound(text, take), RATE)
    monkeypatch.setattr(sys, "argv", ["report", str(WEIGHTS), "--esc10", str(tmp_path), "--draws", "3"])
    report.main()
    told = capsys.readouterr().out.split()
    assert told[:3:2] == ["1-shot", "5-shot"]
    assert float(told[3]) > 80
    coarse, classes = torch.eye(4)[torch.arange(4).repeat_interleave(2)], torch.arange(4).repeat_interleave(2)
    alone, everything = np.array([f"1/{i}" for i in range(8)]), np.ones(8, bool)
    assert report.prototypes(coarse, classes, alone, everything, everything, 1, 2) == 100


def test_the_encoder_hears_what_the_students_heard() -> None:
    torch.manual_seed(0)
    students = Student(), Student(channels=(16, 32, 48, 64, 80))
    frames = torch.randn(5, 498, 64)
    for student in 3 * students:
        student(frames)  # the normalisations get means and spreads
    one, other = (student.eval()(frames[:2]) for student in students)
    options, tensors = export.side_by_side([folded(student) for student in students])
    assert [each["acoustic"] for each in options] == [256, 0]
    assert [each["channels"] for each in options] == [[32, 64, 128, 192, 256], [16, 32, 48, 64, 80]]
    said = audio_nets(options, tensors)(frames[:2])
    assert torch.allclose(said.acoustic, one.acoustic, atol=1e-4)
    for name in ("semantic", "tags", "effects"):
        mean = (getattr(one, name) + getattr(other, name)) / 2
        assert torch.allclose(getattr(said, name), mean, atol=1e-4)


def test_a_student_that_begins_from_weights_says_what_they_say(made: Path) -> None:
    with np.load(made / "pool" / "00-0000.npz") as shard:
        frames = torch.from_numpy(shard["frames"]).float()
    torch.manual_seed(0)
    first = Student()
    for _ in range(3):
        first(frames)
    again = begun_from(folded(first), frames)
    with torch.no_grad():
        wanted, heard, in_training = first.eval()(frames), again.eval()(frames), again.train()(frames)
    for name in ("acoustic", "semantic", "tags", "effects"):
        assert torch.allclose(getattr(heard, name), getattr(wanted, name), atol=1e-3)
        assert torch.allclose(getattr(in_training, name), getattr(wanted, name), atol=2e-2)


def test_a_run_may_begin_from_the_shipped_weights(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = audio_half(WEIGHTS)[0]
    state = trained(made, tmp_path / "run.pt", monkeypatch, 0, f"--begin-from {WEIGHTS}")
    student = state["student"]
    assert isinstance(student, dict)
    assert torch.allclose(student["semantic.weight"], half["semantic.weight"], atol=1e-6)


def test_the_second_teacher_hears_what_sounds_and_not_how_loud() -> None:
    pytest.importorskip("aisfx", reason="pip install --no-deps aisfx")
    from train_mini.effects import DIM, Effects

    window = np.zeros(5 * RATE, np.float32)
    window[: 2 * RATE] = sound("knocks", 0)
    teacher = Effects()
    heard, softer = teacher.hear(window), teacher.hear(0.1 * window)
    assert heard.shape == (16, DIM)
    assert heard.min() >= 0
    assert np.allclose(heard, softer, atol=0.05 * heard.max())
    assert np.ptp(heard[10:13], axis=0).max() < 0.05 * heard.max()  # silence, far from either end
    assert np.abs(heard[2] - heard[12]).max() > 0.1 * heard.max()


def test_a_cut_takes_the_same_segments_of_everything(made: Path) -> None:
    prepared = prepare.load(made / "prepared.safetensors")
    windows = Pool(made / "pool", prepared.names, prepared.whitening, seed=0)
    windows.grow()
    whole = windows.batch([0, 1, 2])
    cut = whole.cut(torch.tensor([0, 3, 11]), 5)
    assert torch.equal(cut.frames[1], whole.frames[1, 3 * 32 : 8 * 32 - 14])
    assert torch.equal(cut.features[2], whole.features[2, 11:])
    assert torch.equal(cut.tags[0], whole.tags[0, :5])
    assert torch.equal(cut.effects[1], whole.effects[1, 3:8])
    assert windows.draw(8, 5).frames.shape == (8, 5 * 32 - 14, 64)
    heard = Student()(windows.draw(8, 5).frames)
    assert heard.semantic.shape == (8, 5, 256)


def test_rows_of_few_bits_are_near_what_they_were(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    rows, table = torch.randn(7, 3, 5, 5, generator=random), torch.randn(11, 96, generator=random)
    stored = in_eight_bits("eight", rows) | in_four_bits("four", table)
    assert {name: (t.dtype, t.nbytes) for name, t in stored.items() if "." not in name} == {
        "eight": (torch.int8, 7 * 3 * 5 * 5),
        "four": (torch.uint8, 11 * 48),
    }
    save_file(stored, tmp_path / "x.safetensors", {"config": "", "tag_names": "", "vocab": ""})
    back, _ = read_weights(tmp_path / "x.safetensors")
    assert (back["eight"] - rows).norm() < 0.01 * rows.norm()
    assert (back["four"] - table).norm() < 0.12 * table.norm()
    assert torch.equal(in_four_bits("four", back["four"])["four"], stored["four"])


@pytest.mark.parametrize(
    ("licence", "may"),
    [
        ("CC0-1.0 OR Pixabay Content License (README)", True),
        ("CC-BY-3.0 / Public-Domain (soundbible)", True),
        ("CC-BY or CC0-1.0 per file (samples/README.md)", True),
        ("BSD-3-Clause", True),
        ("Apache-2.0 repo", True),
        ("unknown", False),
        ("", False),
        ("CC-BY-SA-4.0", False),
        ("CC-BY-NC-SA-4.0 repo", False),
        ("CC0-1.0 mostly; per-file in README", False),
        ("MIT repo; mixed", False),
        ("ODbL-1.0 / DbCL-1.0", False),
        ("BSD-3-Clause repo; freesound CC per file name", False),
        ("CC-BY-SA / GPL-2.0", False),
    ],
)
def test_only_clean_licences_may_be_published(licence: str, may: bool) -> None:
    assert may_be_published(licence) is may


def test_the_fold_for_tests_is_no_material() -> None:
    row = {"license": "CC-BY-3.0"}
    assert [pool.usable({**row, "fold": fold}) for fold in "1235"] == [True, True, True, False]


def test_everyday_sounds_have_names_and_none_is_there_twice(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(everyday, "NAMES", tmp_path / "names.yaml")
    everyday.NAMES.write_text("knocking: 'knocks?|noise of nothing'\npiping: 'whi.*'\nanother pipe: whistle\n")
    groups = everyday.everyday(corpus)
    assert {name: len(group) for name, group in groups.items()} == {"knocking": 7, "piping": 7}
    assert {(clip.licence, clip.text) for clip in groups["piping"]} == {("unknown", "whistle")}
    one, other, *_ = groups["piping"]
    softer = replace(one, original="a copy", samples=one.samples // 3)
    assert len(everyday.different([one, softer, other], np.random.default_rng(0))) == 2
    monkeypatch.setattr(sys, "argv", ["everyday", str(corpus), str(tmp_path / "made")])
    everyday.main()
    assert "14 recordings of 2 classes" in capsys.readouterr().out
    assert len(list(tmp_path.glob("made/knocking/*.wav"))) == 7


def test_the_projection_is_found_again() -> None:
    random = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(20, 8, generator=random))[0]
    sentences = normalize(torch.randn(500, 20, generator=random), dim=-1)
    wanted = normalize(sentences @ turn, dim=-1)
    found = projection(sentences, wanted)
    assert torch.allclose(found.T @ found, torch.eye(8), atol=1e-5)
    assert (normalize(sentences @ found, dim=-1) * wanted).sum(1).mean() > 0.999


def test_episodes_of_classes_that_lie_apart_are_all_right() -> None:
    classes = torch.arange(6).repeat_interleave(8)
    near = normalize(
        torch.eye(9)[classes] + 0.02 * torch.randn(48, 9, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    cell = few_shot(near, classes, 4, 3, 10)
    assert (cell.prototype, cell.nearest) == (100, 100)
    assert zero_shot(near, torch.eye(9)[:6], classes) == 100
    blind = few_shot(torch.ones(48, 9) / 3, classes, 4, 3, 10)
    assert blind.prototype == 25


def test_two_sounds_are_crossed_and_one_is_taken_apart(corpus: Path) -> None:
    random = np.random.default_rng(5)
    one, other = (sound(text, 0).astype(np.float32) for text in TEXTS[:2])
    one, other = (np.resize(each, 80_000) for each in (one, other))
    made = [crossed(one, other, random) for _ in range(24)] + [apart(one, random) for _ in range(12)]
    for each in made:
        assert each.shape == (80_000,)
        assert each.dtype == np.float32
        assert np.isfinite(each).all()
        assert np.sqrt(np.mean(each**2)) == pytest.approx(np.sqrt(np.mean(one**2)), rel=0.05)
    assert sum(abs(np.corrcoef(each, one)[0, 1]) < 0.9 for each in made) > 20
    silent = np.zeros(80_000, np.float32)
    for each in (crossed(one, silent, random), crossed(silent, one, random), apart(silent, random)):
        assert np.isfinite(each).all()
    mixer = Mixer(clips.read([corpus], pool.usable), random, hybrids=0.66)
    mixtures = [mixer() for _ in range(30)]
    assert all(mixture.share == 1 for mixture in mixtures if mixture.clip >= 0)  # the rest is crossed or synthesised
    assert sum(mixture.clip < 0 for mixture in mixtures) > 12
