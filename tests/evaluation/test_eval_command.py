"""`mgcld eval` as its users run it."""

import json
import re
import signal
import time
from pathlib import Path

import pytest
from commands import is_polite, mgcld, mgcld_child
from recordings import record
from typer.testing import CliRunner

from mgcld.cli import app
from mgcld.errors import MgcldError

NAMES = ("siren", "rain", "knocking on a door", "bird chirping")
SMALL = ("--ways", "3", "--shots", "1", "2", "--episodes", "6", "--queries", "2", "--jobs", "1")
METHODS = {
    *("zero-shot, name", "zero-shot, explanations", "1-NN", "prototype", "audio+text centroid"),
    *("logistic regression", "Tip-Adapter", "Tip-Adapter-F", "Treff, training-free", "Treff (CALM)"),
    *("MGC paper", "mgcl+"),
}


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    for name in NAMES:
        for k in range(5):
            record(folder / name / f"{k}.wav", name, k)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_the_table_the_files_and_the_page(classes: Path, cache: Path, tmp_path: Path) -> None:
    files = ("--json", tmp_path / "out" / "a.json", "--markdown", tmp_path / "a.md", "--plots", tmp_path / "plots")
    result = mgcld("eval", classes, *SMALL, "--cache", cache, *files)
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "out" / "a.json").read_text())
    assert [(cell["way"], cell["shots"]) for cell in figures["cells"]] == [(3, 1), (3, 2)]
    for cell in figures["cells"]:
        assert set(cell["methods"]) == METHODS
        assert (cell["episodes"], cell["questions"]) == (6, 36)
        for name, one in cell["methods"].items():
            assert 0 <= one["low"] <= one["mean"] <= one["high"] <= 1, name
        best, ahead = cell["best_baseline"], cell["ahead_of_best_baseline"]["mgcl+"]
        assert best in METHODS - {"MGC paper", "mgcl+"}
        assert ahead["mean"] == pytest.approx(cell["methods"]["mgcl+"]["mean"] - cell["methods"][best]["mean"])
    assert figures["cells"][1]["methods"]["mgcl+"]["mean"] > 0.5, "of three generated sounds that anyone tells apart"
    told = (tmp_path / "a.md").read_text()
    for name in (*METHODS, "3-way", "best baseline"):
        assert name in result.stdout, name
        assert name in told, name
    page = (tmp_path / "plots" / "index.html").read_text()
    for name in ("shots.png", "confusion.png", "reliability.png"):
        assert (tmp_path / "plots" / name).read_bytes().startswith(b"\x89PNG")
    assert page.count("data:image/png;base64,") == 3
    assert not re.search(r"(?:src|href)=\"(?!data:)", page), "the page needs nothing from elsewhere"


def test_two_processes_say_what_one_says(classes: Path, cache: Path) -> None:
    def cells(jobs: int) -> object:
        wish = ("--ways", "2", "--shots", "2", "--episodes", "7", "--queries", "2", "--jobs", jobs, "--json", "-")
        result = mgcld("eval", classes, *wish, "--cache", cache)
        assert result.returncode == 0, result.stderr
        found = json.loads(result.stdout)["cells"]
        return [{name: value for name, value in cell.items() if name != "cpu_seconds"} for cell in found]

    assert cells(1) == cells(2)


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (("--ways", "5"), 72),
        (("--shots", "5"), 72),
        (("--ways", "2", "--shots", "none"), 78),
        (("--ways", "2", "--shots", "0"), 78),
        (("--ways", "2", "--shots", "1", "--query-fold", "5"), 72),
        (("--ways", "2", "--shots", "1", "--query-fold", "5", "--protocol", "paper"), 78),
        (("--ways", "2", "--shots", "1", "--open-set", "--table", "1"), 78),
        (("--ways", "2", "--shots", "1", "--json", "/proc/nowhere/a.json"), 78),
        (("--ways", "2", "--shots", "1", "--json", "."), 78),
        (("--ways", "2", "--shots", "1", "--cache", "/proc/nowhere"), 78),
        (("--ways", "2", "--shots", "1", "--encoder", "maxi"), 78),
    ],
)
def test_a_wrong_wish_is_an_error_with_advice(
    classes: Path, cache: Path, arguments: tuple[str, ...], exit_code: int
) -> None:
    if "--cache" not in arguments:
        arguments = (*arguments, "--cache", str(cache))
    error = CliRunner().invoke(app, ["eval", str(classes), *arguments]).exception
    assert isinstance(error, MgcldError)
    assert (error.exit_code, bool(error.help)) == (exit_code, True), error


def test_no_data_set_is_told_politely(tmp_path: Path) -> None:
    result = mgcld("eval", tmp_path)
    assert is_polite(result, 72)
    assert result.stdout == ""


def shards(cache: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*.safetensors")}


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More than one shard: long enough to be killed between two."""
    for name in NAMES[:3]:
        for k in range(40):
            record(tmp_path / "many" / name / f"{k}.wav", name, k, 0.5)
    return tmp_path / "many"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_after_a_kill_it_goes_on_where_it_was(many: Path, tmp_path: Path, how: signal.Signals) -> None:
    cache = tmp_path / "cache"
    wish = ("eval", many, "--ways", 2, "--shots", 1, "--episodes", 2, "--jobs", 1, "--cache", cache, "--json", "-")
    with mgcld_child(*wish) as child:
        deadline = time.monotonic() + 60
        while not shards(cache):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        child.process.send_signal(how)
        status = child.wait()
        assert status == (-signal.SIGKILL if how == signal.SIGKILL else 130)
        assert "Traceback" not in child.errors
    kept = shards(cache)
    assert 1 <= len(kept) < 4
    result = mgcld(*wish)
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)["cells"]) == 1
    after = shards(cache)
    assert len(after) == 4
    assert {path: after[path] for path in kept} == kept, "nothing was heard twice"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_its_end_ends_the_processes_too(classes: Path, cache: Path, how: signal.Signals) -> None:
    wish = ("eval", classes, "--ways", 4, "--shots", 3, "--episodes", 5000, "--jobs", 2, "--cache", cache)
    with mgcld_child(*wish) as child:
        children = Path(f"/proc/{child.process.pid}/task/{child.process.pid}/children")
        deadline = time.monotonic() + 90
        while len(found := children.read_text().split()) < 2:
            assert time.monotonic() < deadline, child.errors
            time.sleep(0.05)
        child.process.send_signal(how)
        assert child.wait() == (-signal.SIGKILL if how == signal.SIGKILL else 130)
        assert "Traceback" not in child.errors
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in found):
            assert time.monotonic() < deadline
            time.sleep(0.05)
