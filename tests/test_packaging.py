"""The wheel: both packages whole, with their data, and nothing else."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import mgcld

CHECKOUT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "mgcld", "plugins", "tests", "config")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy: setuptools leaves a build folder behind, and takes stale modules from an older one."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(CHECKOUT / name, folder)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder / "dist"), str(folder)], check=True, timeout=110)
    (path,) = (folder / "dist").glob("mgcld-*.whl")
    return zipfile.ZipFile(path)


def files(folder: str) -> set[str]:
    """The modules of a folder in the checkout, relative to it."""
    return {str(path.relative_to(CHECKOUT / folder)) for path in (CHECKOUT / folder).rglob("*.py")}


@pytest.mark.parametrize(("folder", "package"), [("mgcld", "mgcld"), ("plugins", "mgcld_plugins")])
def test_the_wheel_holds_every_module_and_says_that_it_is_typed(
    wheel: zipfile.ZipFile, folder: str, package: str
) -> None:
    held = {name.removeprefix(f"{package}/") for name in wheel.namelist() if name.startswith(f"{package}/")}
    assert {name for name in held if name.endswith(".py")} == files(folder)
    assert "py.typed" in held


def test_the_wheel_holds_the_weights_of_the_embedded_encoder(wheel: zipfile.ZipFile) -> None:
    weights = wheel.read("mgcld_plugins/encoders/mini.safetensors")
    assert weights == (CHECKOUT / "plugins" / "encoders" / "mini.safetensors").read_bytes()
    assert len(weights) < 10e6


def test_the_wheel_holds_the_phrases_of_the_captioner(wheel: zipfile.ZipFile) -> None:
    phrases = wheel.read("mgcld_plugins/captioners/phrases.txt")
    assert phrases == (CHECKOUT / "plugins" / "captioners" / "phrases.txt").read_bytes()


def test_the_wheel_holds_the_training_report_s_page(wheel: zipfile.ZipFile) -> None:
    folder = "mgcld/training/reporting/templates"
    held = {name.removeprefix(f"{folder}/") for name in wheel.namelist() if name.startswith(f"{folder}/")}
    assert held == {path.name for path in (CHECKOUT / folder).iterdir()}
    assert {"page.html", "page.css"} <= held


def test_the_wheel_holds_the_bank_of_explanations(wheel: zipfile.ZipFile) -> None:
    folder = "mgcld_plugins/explainers/bank"
    held = {name.removeprefix(f"{folder}/") for name in wheel.namelist() if name.startswith(f"{folder}/")}
    assert held == {path.name for path in (CHECKOUT / "plugins/explainers/bank").iterdir()} >= {"animals.yaml"}


def test_the_wheel_holds_the_schemas_of_the_messages(wheel: zipfile.ZipFile) -> None:
    folder = "mgcld/schemas"
    held = {name for name in wheel.namelist() if name.startswith(f"{folder}/") and name.endswith(".json")}
    assert held == {f"{folder}/{kind}.json" for kind in ("prob", "event", "health", "meta")}


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"mgcld", "mgcld_plugins", f"mgcld-{mgcld.__version__}.dist-info"}


def test_the_wheel_carries_the_licence_and_the_command(wheel: zipfile.ZipFile) -> None:
    information = f"mgcld-{mgcld.__version__}.dist-info"
    assert "Apache License" in wheel.read(f"{information}/licenses/LICENSE").decode()
    assert "mgcld = mgcld.__main__:main" in wheel.read(f"{information}/entry_points.txt").decode()


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert mgcld.__version__ == project["version"]
    assert f"## {mgcld.__version__}" in changes


def test_the_installed_wheel_works_without_the_checkout(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site, here = tmp_path / "site", tmp_path / "elsewhere"
    here.mkdir()
    wheel.extractall(site)

    def mgcld_there(*arguments: str) -> str:
        command = [sys.executable, "-m", "mgcld", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(site)}
        return subprocess.run(
            command, cwd=here, env=environment, check=True, capture_output=True, text=True, timeout=110
        ).stdout

    code = "import mgcld, mgcld_plugins.encoders.mini as mini; print(mgcld.__file__, mini.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    where = subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, capture_output=True, text=True)
    assert where.stdout.count(str(site)) == 2, where.stderr
    mgcld_there("demo", "demo")
    assert "wrote adapter.safetensors" in mgcld_there("train", "--shots", "demo/support", "--report", "told")
    assert "Training report" in (here / "told" / "report.html").read_text(encoding="utf-8")
    assert len(mgcld_there("classify", "demo/soundscape.flac").splitlines()) == 12
