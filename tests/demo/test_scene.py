"""The demo on disk: what is where, and that a user's own files survive it."""

import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from mgcld.demo import BACKGROUNDS, NAMES, Truth, load_truth, write_demo
from mgcld.errors import ConfigError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    return folder


def test_each_class_has_its_shots_and_every_background_one_recording(folder: Path) -> None:
    shots = {path.name: len(list(path.glob("*.flac"))) for path in (folder / "support").iterdir()}
    assert shots == {**dict.fromkeys(NAMES[:6], 5), "_background": len(BACKGROUNDS)}


def test_shots_come_in_several_lengths_rates_and_channels(folder: Path) -> None:
    shots = [soundfile.info(path) for path in (folder / "support" / NAMES[0]).iterdir()]
    assert {shot.duration for shot in shots} == {2.0, 3.0, 5.0, 6.5, 8.0}
    assert {shot.samplerate for shot in shots} == {16_000, 22_050, 44_100}
    assert {shot.channels for shot in shots} == {1, 2}


def test_the_truth_covers_the_soundscape_without_a_gap(folder: Path) -> None:
    truth = load_truth(folder / "soundscape.json")
    assert [cell.start_seconds for cell in truth] == [5.0 * k for k in range(12)]
    assert [cell.end_seconds for cell in truth] == [5.0 * k for k in range(1, 13)]
    assert soundfile.info(folder / "soundscape.flac").duration == 60.0
    assert {cell.name for cell in truth} == {None, *NAMES[:6]}
    assert sum(cell.name is None for cell in truth) == 4


@pytest.mark.parametrize("classes", [1, len(NAMES)])
def test_one_class_or_all_of_them_make_a_demo(tmp_path: Path, classes: int) -> None:
    truth = write_demo(tmp_path, classes=classes, shots=1)
    assert truth == load_truth(tmp_path / "soundscape.json")
    assert {cell.name for cell in truth} == {None, *NAMES[:classes]}


def test_the_cells_of_the_soundscape_are_as_loud_as_the_truth_says(folder: Path) -> None:
    scape, rate = soundfile.read(folder / "soundscape.flac", dtype="float32")
    for cell in load_truth(folder / "soundscape.json"):
        level = float((scape[int(cell.start_seconds * rate) : int(cell.end_seconds * rate)] ** 2).mean() ** 0.5)
        assert (level < 0.02) if cell.name is None else (level > 0.005)


def test_the_same_seed_writes_the_same_bytes_and_leaves_other_files_alone(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "support" / "my kettle" / "1.flac"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    (tmp_path / "soundscape.flac").write_bytes(b"an older one")
    write_demo(tmp_path)
    written = [path.relative_to(folder) for path in folder.rglob("*.*")]
    assert all((tmp_path / path).read_bytes() == (folder / path).read_bytes() for path in written)
    assert own.read_bytes() == b"mine"


def test_another_seed_writes_other_sounds_and_another_order(folder: Path, tmp_path: Path) -> None:
    truth = write_demo(tmp_path, seed=1)
    assert truth != load_truth(folder / "soundscape.json")
    shot = Path("support", NAMES[0], "1.flac")
    assert (tmp_path / shot).read_bytes() != (folder / shot).read_bytes()


@pytest.mark.parametrize("wish", [{"classes": 0}, {"classes": 99}, {"shots": 0}, {"seed": -1}])
def test_an_impossible_demo_says_what_is_possible(tmp_path: Path, wish: dict[str, int]) -> None:
    with pytest.raises(ConfigError) as caught:
        write_demo(tmp_path, **wish)
    assert f"1 to {len(NAMES)} classes" in caught.value.help


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ConfigError, match="taken"):
        write_demo(tmp_path / "taken")


def test_the_module_runs_by_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mgcld.demo", str(tmp_path / "d"), "--classes", "1", "--shots", "1"]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert load_truth(tmp_path / "d" / "soundscape.json")[0] == Truth(0.0, 5.0, None)
    refused = subprocess.run([*command, "--shots", "0"], timeout=60, capture_output=True, text=True)
    assert refused.returncode == ConfigError.exit_code
    assert "at least 1 shot" in refused.stderr
