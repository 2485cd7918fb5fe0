"""`mgcld check` as a process: what it says, its exit code, and that nothing stays behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
import yaml
from children import Terminal
from commands import MAIN, is_polite, mgcld_child
from mgcld_plugins.encoders.mini import MiniEncoder
from rich.console import Console
from servers.rude_rtsp import Peer
from untrained import trained

from mgcld.cli.sheet import sheet
from mgcld.cli.verdict import exit_code, plain, waited_for
from mgcld.errors import CheckpointError, ConfigError, SourceError
from mgcld.model.checkpoint import save_adapter
from mgcld.service.findings import Finding

TESTS = Path(__file__).parents[1]
SECRET = "s3cret"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An adapter and a recording; capture processes find the tests' source."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))
    save_adapter(trained(MiniEncoder("cpu")), tmp_path / "adapter.safetensors")
    soundfile.write(tmp_path / "hum.wav", 0.1 * np.sin(np.arange(80_000) / 9), 16_000)
    return tmp_path


@pytest.fixture
def camera() -> Iterator[Peer]:
    """One that wants a password, and another than ours."""
    with Peer() as peer:
        peer.do("password=eve:right")
        yield peer


def written(folder: Path, endpoint: str, addresses: dict[str, str] | None = None, **ways: str) -> Path:
    """A configuration with sources of these addresses, and strange ones."""
    sources = {name: {"type": "strange:Strange", "way": way} for name, way in ways.items()}
    wishes = {"adapter": "adapter.safetensors", "publish": {"endpoint": endpoint}}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**wishes, "sources": {**sources, **(addresses or {})}}))
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def check(*arguments: object) -> tuple[subprocess.CompletedProcess[str], list[psutil.Process]]:
    """Run it to its end; the capture processes that were seen meanwhile."""
    command = [sys.executable, "-m", "mgcld", "check", *map(str, arguments)]
    seen: dict[int, psutil.Process] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            seen |= {child.pid: child for child in children(process.pid)}
            time.sleep(0.3)
        output, errors = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, output, errors), list(seen.values())


def children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def test_every_source_is_told_apart_and_nothing_stays(folder: Path, camera: Peer) -> None:
    port = free_port()
    addresses = {
        "hum": f"{folder}/hum.wav",
        "gone": f"rtsp://127.0.0.1:{free_port()}/x",
        "locked": f"rtsp://eve:{SECRET}@127.0.0.1:{camera.port}/x",
        "mic": "microphone:no such device",
    }
    path = written(folder, f"tcp://127.0.0.1:{port}", addresses, tone="plays", mute="is_silent", stuck="hangs")
    began = time.monotonic()
    result, processes = check("-c", path, "--json")
    assert time.monotonic() - began < 60
    said = json.loads(result.stdout)
    sources = said["sources"]
    assert {name: (source["state"], source["reason"]) for name, source in sources.items()} == {
        "tone": ("ok", None),
        "mute": ("warning", None),
        "stuck": ("error", "timeout"),
        "hum": ("ok", None),
        "gone": ("error", "refused"),
        "locked": ("error", "auth"),
        "mic": ("error", "absent"),
    }
    assert (sources["tone"]["codec"], sources["tone"]["sample_rate"], sources["tone"]["clock"]) == (
        "pcm_s16le",
        8000,
        "adc",
    )
    assert sources["mute"]["level_dbfs"] is None
    assert (said["adapter"]["state"], said["inference"]["state"], said["publish"]["state"]) == ("ok",) * 3
    assert (result.returncode, said["exit_code"], said["ok"]) == (66, 66, False)
    assert SECRET not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert len(processes) >= 5
    assert psutil.wait_procs(processes, timeout=5)[1] == []
    with socket.create_server(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize("ask", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_it_takes_everything_with_it(folder: Path, ask: signal.Signals) -> None:
    with mgcld_child("check", "-c", written(folder, f"ipc://{folder}/bus", tone="plays", stuck="hangs")) as child:
        deadline = time.monotonic() + 60
        while len(processes := children(child.process.pid)) < 2:
            assert time.monotonic() < deadline, child.errors
            assert child.process.poll() is None, child.errors
            time.sleep(0.2)
        child.process.send_signal(ask)
        assert child.wait(30) == 130
        assert child.errors == "interrupted\n"
    assert psutil.wait_procs(processes, timeout=5)[1] == []
    assert not (folder / "bus").exists()


def test_what_is_well_is_a_table_and_zero_and_progress_is_for_terminals(folder: Path) -> None:
    path = written(folder, f"ipc://{folder}/bus", tone="plays")
    with Terminal(MAIN, "check", "-c", str(path)) as terminal:
        assert terminal.wait(60) == 0, terminal.seen
    assert "listening to tone" in terminal.seen
    assert "pcm_s16le" in terminal.seen
    assert "all is well" in terminal.seen
    assert terminal.seen.count("\x1b[?25l") == terminal.seen.count("\x1b[?25h")
    result, _ = check("-c", written(folder, f"ipc://{folder}/bus", {"hum": "./hum.wav"}))
    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert "all is well" in result.stdout
    assert sorted(file.name for file in folder.iterdir()) == ["adapter.safetensors", "config.yaml", "hum.wav"]


def test_a_mistake_in_the_configuration_is_told_as_everywhere(folder: Path) -> None:
    result, _ = check("--adapter", folder / "adapter.safetensors", "--source", "hum.wav")
    assert is_polite(result, 78)


# What it prints, for some findings

TONE = Finding(
    "source",
    "kitchen",
    {
        "codec": "pcm_alaw",
        "sample_rate": 8000,
        "channels": 1,
        "first_sound_seconds": 0.8,
        "level_dbfs": -23.4,
        "peak_dbfs": -3.0,
        "clock": "rtcp",
        "clock_uncertainty_ns": 50_000_000,
        "age_seconds": 0.21,
    },
)
LOCKED = Finding("source", "garden", error=SourceError("rtsp://cam/1: 401", reason="auth", help="check the password"))
LOST = Finding("adapter", "", {"path": "a.safetensors"}, error=CheckpointError("there is none", help="train one"))
WAITS = Finding("inference", needs="an adapter")


def shown(*findings: Finding, width: int = 80) -> str:
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(sheet(findings, width))
    return capture.get()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_keeps_to_the_width_and_shortens_names_only(width: int) -> None:
    long = Finding("source", "a-name-of-sixty-characters-which-is-as-long-as-names-may-be", TONE.facts)
    text = shown(TONE, long, LOCKED, LOST, width=width)
    assert max(map(len, text.splitlines())) <= width
    if width >= 80:
        for fact in ("kitchen", "pcm_alaw", "8000", "-23.4", "-3.0", "rtcp ±50 ms", "210 ms", "800 ms"):
            assert fact in text, fact
    assert ("may-be" in text) == (width >= 120)


def test_what_is_wrong_is_told_in_full_below() -> None:
    text = shown(TONE, LOCKED, LOST, WAITS)
    assert "garden (auth): rtsp://cam/1: 401" in text
    assert "help: check the password" in text
    assert "not tried: it needs an adapter" in text
    assert "2 of 4 checks failed; exit code 66" in text


def test_a_message_of_several_lines_stays_one() -> None:
    wrong = Finding("source", "hum", error=ConfigError("sources.hum.a: wrong\nsources.hum.b: wrong", help="mend it"))
    assert "a: wrong\nsources.hum.b: wrong\n" in shown(wrong)
    assert "hum: " in shown(wrong)


def test_digital_silence_is_told_as_such() -> None:
    assert "silence" in shown(Finding("source", "mic", {**TONE.facts, "level_dbfs": None, "peak_dbfs": None}))


def test_warnings_alone_are_no_failure() -> None:
    warned = Finding("source", "mic", TONE.facts, warnings=("all is silent",))
    assert exit_code([warned]) == 0
    assert "mic: all is silent" in shown(warned)
    assert "1 warning" in shown(warned)


def test_the_exit_code_is_that_of_the_first_error() -> None:
    assert exit_code([TONE, LOST, LOCKED]) == 74
    assert exit_code([TONE]) == 0
    assert plain([TONE, LOCKED])["exit_code"] == 66


def test_no_name_and_no_message_steers_the_terminal() -> None:
    evil = "\x1b[2J\x07"
    finding = Finding("source", evil, {"codec": evil}, error=SourceError(evil, help=evil), warnings=(evil,))
    assert "\x1b[2J" not in shown(finding)
    assert "\x07" not in shown(finding)


def test_it_says_what_it_waits_for() -> None:
    bound = Finding("publish")
    assert waited_for(["kitchen", "garden"], []) == "binding the address"
    assert waited_for(["kitchen", "garden"], [bound, TONE]) == "listening to garden"
    assert waited_for(["kitchen", "garden"], [bound, TONE, LOCKED]) == "trying the model"
