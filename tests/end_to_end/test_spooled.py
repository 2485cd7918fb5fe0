"""A daemon with a spool that is too slow, catches up, and is killed: what a sink was told of the sound."""

import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import is_polite, mgcld, mgcld_child
from mgcld_plugins.encoders.mini import MiniEncoder
from untrained import trained

from mgcld.model.checkpoint import save_adapter

RATE = 16_000
PARTS = """
import json, time
from pathlib import Path

import numpy as np
from mgcld_plugins.encoders.mini import MiniEncoder

from mgcld.data import AudioBlock

class SlowMini(MiniEncoder):
    def __init__(self, pace: Path) -> None:
        super().__init__(device="cpu")
        self.pace = pace
    def embed_audio(self, samples, valid_samples):
        time.sleep(float(self.pace.read_text()) * len(samples))  # seconds a window
        return super().embed_audio(samples, valid_samples)

class Noise:
    live = True
    def __init__(self, delivered: Path) -> None:
        self.delivered = delivered
    def blocks(self):
        began, began_ns, first = time.monotonic(), time.time_ns(), 0
        rng = np.random.default_rng(0)
        with self.delivered.open("a") as log:
            log.write("opened\\n")
            while True:
                time.sleep(max(0.0, began + (first + 800) / 16_000 - time.monotonic()))
                samples = rng.normal(0, 0.1, 800).astype(np.float32)
                yield AudioBlock(samples, 16_000, first, began_ns + first * 62_500, "adc", 1000)
                first += 800  # it is in the pipe now
                log.write(f"{first}\\n")
                log.flush()

class LineSink:
    def __init__(self, path: Path) -> None:
        self.file = path.open("a")
    def take(self, message) -> None:
        self.file.write(json.dumps([message.kind, message.topic, dict(message.header), dict(message.body)]) + "\\n")
        self.file.flush()
    def close(self) -> None:
        self.file.close()
"""
CONFIG = """
adapter: {folder}/adapter.safetensors
encoder: {{type: "elsewhere:SlowMini", pace: {folder}/pace}}
hop_seconds: 0.5
max_batch: 2
inbox_windows: 4
sources: {{room: {{type: "elsewhere:Noise", delivered: {folder}/delivered}}}}
spool: {{folder: spool, max_megabytes: 100}}
publish: {{endpoint: "tcp://127.0.0.1:*"}}
sinks: {{log: {{type: "elsewhere:LineSink", path: {folder}/told}}}}
"""


class Told:
    """What the sink has been told so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lines(self) -> list[list[Any]]:
        told = self._folder / "told"
        text = told.read_text() if told.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def windows(self) -> list[dict[str, Any]]:
        return [header for kind, _, header, _ in self.lines() if kind == "prob"]

    def health(self) -> list[dict[str, Any]]:
        """Of the source."""
        return [body for _, topic, _, body in self.lines() if topic.endswith("/health/room/")]

    def behind(self, epoch: int) -> float:
        """Seconds from the end of its newest window to what the source has delivered last."""
        windows = self.windows()
        if not windows or windows[-1]["epoch"] != epoch:
            return math.inf
        return (delivered(self._folder) - windows[-1]["first_sample"]) / RATE - 5

    def until(self, least: float, most: float, epoch: int = 0) -> None:
        """Until it is so many seconds behind."""
        deadline = time.monotonic() + 60
        while not least <= self.behind(epoch) <= most:
            assert time.monotonic() < deadline, self.behind(epoch)
            time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "elsewhere.py").write_text(PARTS)
    (tmp_path / "config.yaml").write_text(CONFIG.format(folder=tmp_path))
    save_adapter(trained(MiniEncoder(device="cpu")), tmp_path / "adapter.safetensors")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return tmp_path


def delivered(folder: Path) -> int:
    """Samples of the last opening that the source has handed over."""
    return int((folder / "delivered").read_text().splitlines()[-1])


@pytest.mark.timeout(240)
def test_what_is_behind_is_caught_up_and_a_kill_loses_what_was_in_the_pipe(folder: Path) -> None:
    told, pace = Told(folder), folder / "pace"
    pace.write_text("0")
    with mgcld_child("run", "-c", folder / "config.yaml", "--quiet") as daemon:
        told.until(0, 1)
        pace.write_text("3")  # seconds of work to half a second of sound
        told.until(12, 60)
        pace.write_text("0")
        told.until(0, 1)
        caught_up = len(told.windows())
        second = mgcld("run", "-c", folder / "config.yaml", "--quiet")
        assert is_polite(second, 78), second.stderr
        assert "another process spools there" in second.stderr
        pace.write_text("3")
        told.until(6, 60)
        daemon.process.kill()
        daemon.wait()
    end, before = delivered(folder), told.windows()
    assert max(body["backlog_seconds"] for body in told.health()) > 10
    assert {(body["lost_seconds"], body["drops"]) for body in told.health()} == {(0.0, 0)}
    pace.write_text("0")
    with mgcld_child("run", "-c", folder / "config.yaml", "--quiet") as daemon:
        told.until(0, 1, epoch=1)
        daemon.process.terminate()
        assert daemon.wait(20) == 0, daemon.errors
    after = told.windows()[len(before) :]
    check_order(before, after, caught_up)
    whole = sorted({header["first_sample"] for header in [*before, *after] if header["epoch"] == 0})
    assert whole == [*range(0, whole[-1] + 1, 8000)]  # no hole
    missing = (end - (whole[-1] + 5 * RATE)) / RATE
    print(f"{missing:.2f} s of the sound before the kill are in no window")
    assert missing < 0.5 + 2  # less than a hop ends no window; the rest was in the pipe


def check_order(before: list[dict[str, Any]], after: list[dict[str, Any]], caught_up: int) -> None:
    assert [header["first_sample"] for header in before] == [*range(0, 8000 * len(before), 8000)]
    assert {header["gap_samples"] for header in before} == {0}
    assert any("late" in header["flags"] for header in before[:caught_up])
    assert "late" not in before[0]["flags"]
    old = [header for header in after if header["epoch"] == 0]
    new = after[len(old) :]
    assert {header["epoch"] for header in new} == {1}
    for each in (old, new):  # in order, the old ones first; none spans the restart
        starts = [header["first_sample"] for header in each]
        assert starts == [*range(starts[0], starts[0] + 8000 * len(starts), 8000)]
    assert old and all("late" in header["flags"] for header in old)
    assert new[0]["first_sample"] == 0
    assert "late" not in new[-1]["flags"]
    twice = Counter(header["first_sample"] for header in [*before, *old])
    assert [count for count in twice.values() if count > 1] in ([], [2], [2, 2], [2, 2, 2], [2, 2, 2, 2])  # two turns
