"""Real recordings: ESC-10, where it lies beside the project."""

import json
import random
from pathlib import Path

import pytest
from commands import mgcld

ESC10 = Path(__file__).parents[3] / "shared" / "data" / "esc10"
SHOTS = 5


@pytest.mark.skipif(not ESC10.is_dir(), reason="no ESC-10 recordings in ../shared/data/esc10")
@pytest.mark.timeout(300)
def test_ten_classes_of_real_recordings_from_five_shots_each(tmp_path: Path) -> None:
    """Shots from folds 1-3, questions from fold 5: no recording is on both sides."""
    names = sorted(folder.name for folder in ESC10.iterdir() if folder.is_dir())
    draw = random.Random(0)
    for name in names:
        folder = tmp_path / "support" / name
        folder.mkdir(parents=True)
        for path in draw.sample(sorted(p for p in (ESC10 / name).iterdir() if p.name[0] in "123"), SHOTS):
            (folder / path.name).symlink_to(path)
    adapter = tmp_path / "adapter.safetensors"
    trained = mgcld("train", "--shots", tmp_path / "support", "-o", adapter)
    assert trained.returncode == 0, trained.stderr
    files = sorted(path for name in names for path in (ESC10 / name).glob("5-*"))
    lines = mgcld("classify", *files, "--adapter", adapter).stdout.splitlines()
    first = [answer for answer in map(json.loads, lines) if answer["start_seconds"] == 0]
    assert len(first) == len(files) == 80
    known = [max(names, key=answer["p"].get) == Path(answer["file"]).parent.name for answer in first]
    whole = [answer["top"][0][0] == Path(answer["file"]).parent.name for answer in first]
    print(f"accuracy {sum(known) / 80:.3f}; with `unknown` as an answer, and wrong: {sum(whole) / 80:.3f}")
    assert sum(known) / 80 >= 0.80
