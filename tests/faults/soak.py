"""The daemon for an hour with sources that never rest: does it hold, at the end, what it held at the beginning?

    make soak                               one hour in real time
    make soak ARGS="--windows 100000"       until so many are heard, with sound that comes five times as fast

It starts `mgcld run` with live sources, half of which fail at random (the last one writes errors all the time instead),
subscribes, and prints what the daemon holds as it goes. Exit status 1 where memory grows by more than `MOST_GROWTH`
over the run, as fitted by least squares, where descriptors, threads or processes are not back when all is quiet again,
or where messages are lost on their way to the subscriber.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import numpy as np
import psutil
from difficult import tell

from mgcld.client import subscribe
from mgcld.errors import ReceiveTimeout

MOST_GROWTH = 16 * 2**20
"""Bytes of RSS: a fortieth of what the daemon holds; over 10^5 windows 168 a window."""
SHARP = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}
"""glibc keeps what tensors of many sizes leave behind, in which no small leak shows. So large blocks go back to the
system at once here, which costs half as much computing again; `--as-served` leaves them.
"""
WARM_UP_SHARE = 0.1
"""Of the run: pools and caches fill."""
REST_SECONDS = (10.0, 40.0)
"""Between two faults of one source."""
LOOK_SECONDS = 10.0
"""Of so long the least memory counts: a batch that is being worked on comes and goes."""
QUIET_SECONDS = 150.0
"""So long it may take until all sources are live when nothing disturbs them any more."""
CHATTER = "chatter 20000000"
ORDERS = ("lock", "ignore", "crash", "bug", "end", "fail refused", "pace 0.02", "skip 4000", "spoil 00ff")


@dataclass(frozen=True, slots=True)
class Held:
    """What the daemon holds at one moment."""

    seconds: float
    windows: int
    dropped: int
    rss: int
    descriptors: int
    threads: int
    processes: int

    @property
    def parts(self) -> tuple[int, int, int]:
        return self.descriptors, self.threads, self.processes

    def __str__(self) -> str:
        heard = f"{self.seconds:7.0f} s {self.windows:8} windows {self.dropped:6} dropped"
        counts = f"{self.descriptors} descriptors, {self.threads} threads, {self.processes} processes"
        return f"{heard} {self.rss / 2**20:8.1f} MiB  {counts}"


@dataclass(slots=True)
class Heard:
    """What a subscriber counts, in a thread of its own."""

    endpoint: str
    windows: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    states: dict[str, str] = field(default_factory=dict)
    lost: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        with subscribe(self.endpoint, kinds=("prob", "health"), timeout_seconds=1) as messages:
            while not self.over.is_set():
                try:
                    message = next(messages)
                except ReceiveTimeout:
                    continue
                self.lost += message.lost
                name = message.source or ""
                if message.kind == "prob":
                    self.windows[name] += 1
                    self.dropped[name] += message.header["dropped_windows"]
                elif name != "node":
                    self.states[name] = message.body["state"]


class Trouble:
    """Orders for the second half of the sources."""

    def __init__(self, folder: Path, names: list[str], heard: Heard) -> None:
        self._folder = folder
        self._heard = heard
        self._dice = random.Random(5)
        self._chatty = names[-1]
        self._next = dict.fromkeys(names[len(names) // 2 :], 0.0)
        self.faults: Counter[str] = Counter()

    def make(self) -> None:
        now = time.monotonic()
        for name, at in self._next.items():
            if now >= at and self._heard.states.get(name) == "live":
                order = CHATTER if name == self._chatty else self._dice.choice(ORDERS)
                self.faults[order.partition(" ")[0]] += bool(at)
                if at:
                    tell(self._folder / name, order)
                self._next[name] = now + self._dice.uniform(*REST_SECONDS)


@contextmanager
def daemon(folder: Path, names: list[str], options: argparse.Namespace) -> Iterator[psutil.Process]:
    pace = f"speed: {options.speed}, step_seconds: {0.1 * options.speed}"
    sources = "".join(f'  {name}: {{type: "difficult:Player", moods: {folder}/{name}, {pace}}}\n' for name in names)
    config = folder / "soak.yaml"
    config.write_text(
        f"adapter: {options.adapter.resolve()}\nhop_seconds: {options.hop}\nlog_level: error\n"
        f'publish: {{endpoint: "ipc://{folder}/bus"}}\nsources:\n{sources}'
    )
    environment = {**os.environ, **({} if options.as_served else SHARP)}
    environment["PYTHONPATH"] = os.pathsep.join([*sys.path[:2], os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "mgcld", "run", "-c", str(config), "--quiet"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Soak:
    """Looks at the daemon again and again."""

    def __init__(self, process: psutil.Process, heard: Heard, names: list[str]) -> None:
        self._process = process
        self._heard = heard
        self._names = names
        self._began = time.monotonic()
        self.looks: list[Held] = []
        self._least = sys.maxsize  # bytes of RSS since the last look

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def glance(self) -> None:
        self._least = min(self._least, self._process.memory_info().rss)

    def look(self) -> Held:
        self.glance()
        rss, self._least = self._least, sys.maxsize
        windows, dropped = self._heard.windows.total(), self._heard.dropped.total()
        parts = self._process.num_fds(), self._process.num_threads(), len(self._process.children(recursive=True))
        self.looks.append(Held(self.seconds, windows, dropped, rss, *parts))
        return self.looks[-1]

    def rest(self) -> Held:
        """Wait until all sources are live and every process is the one that it should be."""
        deadline = time.monotonic() + QUIET_SECONDS
        while [self._heard.states.get(name) for name in self._names] != ["live"] * len(self._names):
            if time.monotonic() > deadline:
                sys.exit(f"not all sources are live: {self._heard.states}")
            time.sleep(0.5)
        for _ in range(round(LOOK_SECONDS / 0.1)):
            self.glance()
            time.sleep(0.1)
        return self.look()

    def slope(self) -> tuple[float, float]:
        """(bytes an hour, bytes a window) after the warm-up, by least squares."""
        warm = [held for held in self.looks if held.seconds >= WARM_UP_SHARE * self.looks[-1].seconds]
        rss = [held.rss for held in warm]
        hours, windows = [held.seconds / 3600 for held in warm], [held.windows for held in warm]
        return float(np.polyfit(hours, rss, 1)[0]), float(np.polyfit(windows, rss, 1)[0])


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapter", type=Path, default=Path(__file__).parents[2] / "demo" / "adapter.safetensors")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--windows", type=int, help="until so many are heard, instead of for hours; sets --speed to 5")
    parser.add_argument("--speed", type=float, help="how many times as fast as real time the sources play")
    parser.add_argument("--sources", type=int, default=8)
    parser.add_argument("--hop", type=float, default=0.5)
    parser.add_argument("--as-served", action="store_true", help="leave glibc's allocator as it is")
    chosen = parser.parse_args()
    chosen.speed = chosen.speed or (5.0 if chosen.windows else 1.0)
    return chosen


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the daemon ends with us
    chosen = options()
    names = [f"source{number}" for number in range(chosen.sources)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        heard = Heard(f"ipc://{folder}/bus")
        listener = threading.Thread(target=heard.listen, name="subscriber")
        listener.start()
        try:
            with daemon(folder, names, chosen) as process:
                failed = soaked(Soak(process, heard, names), Trouble(folder, names, heard), heard, chosen)
            if failed:
                print((folder / "log").read_text()[-4000:])
            return failed
        finally:
            heard.over.set()
            listener.join(10)


def soaked(soak: Soak, trouble: Trouble, heard: Heard, chosen: argparse.Namespace) -> int:
    before = soak.rest()
    print(before, flush=True)
    said = soak.seconds
    while heard.windows.total() < chosen.windows if chosen.windows else soak.seconds < 3600 * chosen.hours:
        trouble.make()
        soak.glance()
        time.sleep(0.1)
        if soak.seconds - soak.looks[-1].seconds >= LOOK_SECONDS:
            held = soak.look()
            if soak.seconds - said >= 60:
                said = soak.seconds
                print(held, flush=True)
    after = soak.rest()
    print(after)
    return verdict(soak, trouble, heard, before, after)


def verdict(soak: Soak, trouble: Trouble, heard: Heard, before: Held, after: Held) -> int:
    an_hour, a_window = soak.slope()
    growth = an_hour * (1 - WARM_UP_SHARE) * after.seconds / 3600
    print(
        f"memory: {an_hour / 1024:+.0f} KiB an hour, {a_window:+.1f} bytes a window, {growth / 2**20:+.1f} MiB fitted"
    )
    print(f"faults: {trouble.faults.total()} {dict(sorted(trouble.faults.items()))}")
    print(f"windows dropped: {heard.dropped.total()} of {heard.windows.total()}; messages lost: {heard.lost}")
    wrong = []
    if growth > MOST_GROWTH:
        wrong.append("memory grows")
    if after.parts != before.parts:
        wrong.append(f"not back: {before.parts} before, {after.parts} after (descriptors, threads, processes)")
    if heard.lost:
        wrong.append("messages were lost")
    print("FAILED: " + "; ".join(wrong) if wrong else "all is where it was")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
