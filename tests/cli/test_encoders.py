"""`mgcld encoders`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import mgcld

from mgcld.cli.encoders import Row, _rows, _timed
from mgcld.data import Checkpoint
from mgcld.errors import OutOfDeviceMemory
from mgcld.registry import BUILT_IN, names


@pytest.fixture(autouse=True)
def nothing_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_the_list_needs_no_network_and_no_weights() -> None:
    result = mgcld("encoders", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    rows = {row["encoder"]: row for row in json.loads(result.stdout)}
    mini, clap = rows["mini"], rows["clap=laion/clap-htsat-unfused"]
    assert (mini["here"], mini["sample_rate"], mini["licence"], mini["speed_ms"]) == (True, 16_000, "Apache-2.0", None)
    assert (clap["here"], clap["sample_rate"], clap["licence"], clap["megabytes"]) == (False, 48_000, "Apache-2.0", 614)
    assert len(clap["revision"]) == 40
    assert clap["fetch"].startswith(f"hf download laion/clap-htsat-unfused --revision {clap['revision']} model.safe")
    assert mini["fetch"] is None
    assert {row.partition("=")[0] for row in rows} == set(names("encoder"))


def test_what_is_on_disk_is_timed_and_the_table_says_the_same() -> None:
    result = mgcld("encoders", "--speed", "--device", "cpu")
    assert result.returncode == 0, result.stderr
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line}
    assert lines["mini"].split()[-3:-1][1] == "ms"
    assert lines["mini"].split()[-1] == "yes"
    assert lines["clap=laion/larger_clap_general"].split()[-1] == "no"
    assert "776 MB" in lines["clap=laion/larger_clap_general"]
    assert "--json" in result.stdout


def test_an_encoder_that_says_nothing_of_its_weights_is_listed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN["encoder"], "silent", "builtins:object")
    monkeypatch.setitem(BUILT_IN["encoder"], "absent", "nowhere.to.be_found:Encoder")
    (silent,), (absent,) = _rows("silent"), _rows("absent")
    assert (silent.name, silent.checkpoint.model, silent.trouble) == ("silent", "", "")
    assert "not installed" in absent.trouble


class Full:
    """An encoder for whose windows there is no room."""

    sample_rate = 10

    def embed_audio(self, *_: object) -> None:
        raise OutOfDeviceMemory("no room", help="set its device to cpu")


def test_one_that_cannot_be_timed_says_why_and_the_others_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN["encoder"], "full", f"{__name__}:Full")
    row = _timed(Row("full", Checkpoint(model="", here=True)), "auto")
    assert (row.speed_ms, row.trouble) == (None, "no room; set its device to cpu")


def test_the_command_line_starts_without_any_model_library() -> None:
    code = "import sys, mgcld.cli; print([m for m in ('torch', 'transformers', 'huggingface_hub') if m in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=dict(os.environ)
    )
    assert ended.stdout == "[]\n"
