"""What a capture process costs on an RTSP stream: `python tools/capture_cost.py [SECONDS]`; needs the test packages.

Prints how soon the first sound comes, what the process holds, and what parent and process compute. The stream is L16 at
48 kHz from the tests' server on loopback.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from mgcld.assemble import build_source
from mgcld.audio.pipeline import Pipeline
from mgcld.audio.remote import RemoteSource
from mgcld.config import part_of_address

SERVER = Path(__file__).parents[1] / "tests" / "servers" / "rude_rtsp.py"
STARTS = 5


def main(seconds: float) -> None:
    """Start it some times, then listen for a while."""
    with subprocess.Popen([sys.executable, SERVER, "0", "rate=48000"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = f"rtsp://127.0.0.1:{server.stdout.readline().strip()}/live"
        starts = [started(address) for _ in range(STARTS)]
        print(f"first sound {statistics.median(starts):.2f} s after the start (median of {STARTS})")
        listen(address, seconds)
        server.terminate()


def source_of(address: str) -> RemoteSource:
    """Not started yet."""
    source = build_source("cam", part_of_address(address))
    assert isinstance(source, RemoteSource)
    return source


def started(address: str) -> float:
    """Seconds to the first sound of a new process."""
    source, began = source_of(address), time.monotonic()
    blocks = source.blocks()
    next(block for block in blocks if len(block.samples))
    seconds = time.monotonic() - began
    source.close()
    return seconds


def listen(address: str, seconds: float) -> None:
    """Cut windows for so long, and print what it cost."""
    source, pipeline = source_of(address), Pipeline("cam", sample_rate=16_000, window_seconds=5.0, hop_seconds=5.0)
    blocks = source.blocks()
    next(block for block in blocks if len(block.samples))
    ours, theirs, began = psutil.Process(), psutil.Process(source.pid), time.monotonic()
    before = [sum(process.cpu_times()[:2]) for process in (ours, theirs)]
    while time.monotonic() - began < seconds:
        pipeline.push(next(blocks))
    used = [sum(process.cpu_times()[:2]) - old for process, old in zip((ours, theirs), before, strict=True)]
    memory = theirs.memory_full_info()
    print(f"{memory.rss / 1e6:.0f} MB resident, {memory.uss / 1e6:.0f} MB of it its own")
    print(f"{used[1] / seconds:.1%} of a core in the process, {used[0] / seconds:.1%} in its parent")
    source.close()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
