"""What an adapter from a stranger can make mgcld do by the captioner that it names: nothing."""

import json
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from mgcld_plugins.encoders.mini import MiniEncoder
from untrained import trained, window

from mgcld import registry
from mgcld.assemble import build_recogniser
from mgcld.captioners import captioner_of
from mgcld.config import Part, named_part
from mgcld.errors import CheckpointError, ConfigError
from mgcld.model.checkpoint import save_adapter

MINI = Part.model_validate({"type": "mini", "device": "cpu"})


@pytest.mark.parametrize("noted", ["tags", "tags?most=2&floor=0.1", "retrieval?most=3", "none", "file"])
def test_what_only_says_how_many_is_the_adapter_s_to_say(noted: str) -> None:
    assert captioner_of(noted, None) == named_part(noted)


@pytest.mark.parametrize(
    ("noted", "why"),
    [
        ("os:system?command=touch+owned", "code which no installed package offers"),
        ("mgcld_plugins.captioners.tags:TagsCaptioner", "code which no installed package offers"),
        ("nobody", "code which no installed package offers"),
        ("retrieval?phrases=/etc/passwd", "its option phrases is no number"),
        ("retrieval?phrases=/etc/passwd&most=1", "its option phrases is no number"),
        ("generative=stranger/model", "its option model is no number"),
        ("generative?model=./weights", "its option model is no number"),
        ("tags?__class__=1", "its option __class__ is no number"),
    ],
)
def test_what_reads_fetches_or_runs_something_needs_the_user_s_word(noted: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        captioner_of(noted, None)
    assert f"captioner: {json.dumps(noted)}" in caught.value.help
    wish = named_part(noted)
    assert captioner_of(noted, wish) is wish


@pytest.mark.parametrize("noted", ["", "=", "tags="])
def test_what_names_nothing_is_a_named_error(noted: str) -> None:
    with pytest.raises(CheckpointError, match="captioner cannot be read"):
        captioner_of(noted, None)


def test_no_module_is_imported_because_an_adapter_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap.py").write_text("import pathlib; pathlib.Path('sprung').touch()\nclass Captioner: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    made = trained(MiniEncoder("cpu"))
    path = tmp_path / "adapter.safetensors"
    save_adapter(replace(made, provenance=replace(made.provenance, captioner="trap:Captioner")), path)
    with pytest.raises(ConfigError, match="trap:Captioner"):
        build_recogniser(path, MINI)
    assert "trap" not in sys.modules
    assert not Path("sprung").exists()
    assert build_recogniser(path, MINI, named_part("none"))([window(0)])


def test_a_captioner_of_an_installed_package_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = EntryPoint("theirs", "mgcld_plugins.captioners.tags:TagsCaptioner", "mgcld.captioners")

    def entry_points(**wanted: str) -> list[EntryPoint]:
        return [installed] if wanted.get("name", "theirs") == "theirs" else []

    monkeypatch.setattr(registry, "names", lambda kind: [*registry.BUILT_IN[kind], "theirs"])
    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert captioner_of("theirs?most=2", None).type == "theirs"
