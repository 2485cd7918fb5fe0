"""Parts from elsewhere, in a real daemon: a sink and an explainer that no package of ours holds."""

import json
from pathlib import Path

import pytest
from commands import mgcld

from mgcld.model.checkpoint import load_adapter

PARTS = """
import json

class FileSink:
    def __init__(self, path: str) -> None:
        self.file = open(path, "w")
    def take(self, message) -> None:
        self.file.write(json.dumps([message.kind, dict(message.header), dict(message.body)]) + "\\n")
    def close(self) -> None:
        self.file.close()

class Poet:
    def explain(self, name):
        return [f"{name}, once more", f"hark, {name}"]
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "elsewhere.py").write_text(PARTS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_a_sink_gets_every_message_to_the_last(demo: Path, package: Path) -> None:
    (package / "config.yaml").write_text(
        f"""
adapter: {demo}/adapter.safetensors
sources: {{room: "{demo}/soundscape.flac?pace=max"}}
publish: {{endpoint: "tcp://127.0.0.1:*"}}
sinks: {{log: {{type: "elsewhere:FileSink", path: "{package}/log"}}}}
"""
    )
    result = mgcld("run", "-c", package / "config.yaml", "--quiet")
    assert result.returncode == 0, result.stderr
    messages = [json.loads(line) for line in (package / "log").read_text().splitlines()]
    kinds = [kind for kind, _, _ in messages]
    assert kinds.count("prob") == 12
    assert kinds.count("meta") == 1
    assert [header["seq"] for kind, header, _ in messages if kind == "prob"] == list(range(12))
    assert messages[-1][2]["sources"] == {"ended": 1}  # the node's last word


def test_an_explainer_writes_into_the_adapter(demo: Path, package: Path) -> None:
    result = mgcld(
        "train",
        "--shots",
        demo / "support",
        "-o",
        package / "a",
        "--explainer",
        "elsewhere:Poet",
        "--captioner",
        "none",
    )
    assert result.returncode == 0, result.stderr
    adapter = load_adapter(package / "a")
    assert adapter.sentences[0] == (f"{adapter.classes[0]}, once more", f"hark, {adapter.classes[0]}")
    assert adapter.provenance.captioner == "none"
