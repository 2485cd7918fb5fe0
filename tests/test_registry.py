"""The registry: built-in names, what an installed package offers, and package.module:attribute."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mgcld.errors import ConfigError
from mgcld.registry import BUILT_IN, Kind, load, names

KINDS: tuple[Kind, ...] = tuple(BUILT_IN)
PARTS = ("Source", "Encoder", "Captioner", "Explainer", "Sink")

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "somebodys-radio"
version = "1.0"
[tool.setuptools]
py-modules = ["somebodys_radio"]
""" + "\n".join(f'[project.entry-points."mgcld.{part.lower()}s"]\nradio = "somebodys_radio:{part}"' for part in PARTS)

MODULE = "\n".join(f"class {part}: ..." for part in PARTS)

ASK = """
import json, sys
from mgcld.registry import load, names
kinds, name = json.loads(sys.argv[1]), sys.argv[2]
print(json.dumps({kind: [load(kind, name).__qualname__, name in names(kind)] for kind in kinds}))
"""


def ask(path: Path, kinds: tuple[str, ...], name: str) -> dict[str, list[object]]:
    """What a process that finds the packages in `path` gets for a name: the class, and whether `names` lists it."""
    command = [sys.executable, "-c", ASK, json.dumps(kinds), name]
    environment = {**os.environ, "PYTHONPATH": str(path)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    answer: dict[str, list[object]] = json.loads(said.stdout)
    return answer


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in BUILT_IN[kind]])
def test_a_built_in_name_is_a_class_and_is_listed(kind: Kind, name: str) -> None:
    assert isinstance(load(kind, name), type)
    assert name in names(kind)


def test_an_installed_package_adds_a_part_of_each_kind(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "project" / "somebodys_radio.py").write_text(MODULE)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    target = ["--target", str(tmp_path / "installed"), str(tmp_path / "project")]
    subprocess.run([*install, *target], check=True, capture_output=True, timeout=110)
    found = ask(tmp_path / "installed", KINDS, "radio")
    assert found == {kind: [kind.capitalize(), True] for kind in KINDS}


def test_a_class_is_found_by_module_and_attribute_without_any_installation(tmp_path: Path) -> None:
    (tmp_path / "shed").mkdir()
    (tmp_path / "shed" / "radio.py").write_text(MODULE)
    assert ask(tmp_path, ("sink",), "shed.radio:Sink") == {"sink": ["Sink", False]}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "no source is called 'nobody'"),
        ("rtsp://host/path", "no source is called 'rtsp://host/path'"),
        ("a:b:c", "no source is called 'a:b:c'"),
        ("absent.module:Radio", "cannot import absent.module: it is not installed"),
        ("json:Radio", "json has no 'Radio'"),
    ],
)
def test_a_name_that_leads_nowhere_is_a_mistake_in_the_configuration(name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("source", name)
    assert said in str(caught.value)


def test_an_unknown_name_comes_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        load("source", "mikrophone")
    assert caught.value.help == "known: file, microphone, rtsp, stream"


def test_what_a_part_itself_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "radio_without_tuner.py").write_text("import absent_tuner")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="'absent_tuner', which it needs, is not installed") as caught:
        load("source", "radio_without_tuner:Radio")
    assert "absent_tuner" in caught.value.help
