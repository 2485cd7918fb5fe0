"""Many sources at once, half of which never rest."""

import random
import threading
import time
from collections import Counter
from pathlib import Path

from difficult import tell
from expected import exact
from listening import Listening
from playbill import row
from stage import MOST_GROWTH, PLAYER, Footprint, Result

from mgcld.audio.inbox import Inbox

SOURCES = 32
TROUBLE_SECONDS = 300
REST_SECONDS = (20.0, 60.0)
"""Between two faults of one source."""
RETURN_SECONDS = 90.0
"""A source that fails again and again is opened once a minute at last."""
ORDERS = (
    "lock",
    "ignore",
    "crash",
    "bug",
    "end",
    "fail refused",
    "fail unreachable",
    "pace 0.05",
    "skip 4000",
    "chatter 5000000",
    f"spoil {bytes(range(256)).hex()}",
)


class Crowd:
    """The first half is left in peace."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._dice = random.Random(5)
        self._inbox = Inbox(1000)
        self._over = threading.Event()
        self._taker = threading.Thread(target=self._take, name="taker")
        self._next = {number: self._rest() for number in range(count // 2, count)}
        self.faults: Counter[str] = Counter()
        self.all = [self._listening(f"source{number}") for number in range(count)]
        self.steady, self.troubled = self.all[: count // 2], self.all[count // 2 :]

    def __enter__(self) -> "Crowd":
        self._taker.start()
        for listening in self.all:
            listening.capture.start()
        return self

    def __exit__(self, *_: object) -> None:
        for listening in self.all:
            listening.capture.stop()
        ended = [listening.capture.join(20) for listening in self.all]
        self._over.set()
        self._taker.join(10)
        assert all(ended)

    def settle(self, within: float) -> None:
        """Wait until all are live, with new windows."""
        deadline = time.monotonic() + within
        counts = [listening.count() for listening in self.all]
        while not all(
            listening.status.state == "live" and listening.count() > count + 2
            for listening, count in zip(self.all, counts, strict=True)
        ):
            states = {listening.name: listening.status.state for listening in self.all}
            assert time.monotonic() < deadline, states
            time.sleep(0.25)

    def trouble(self, seconds: float) -> None:
        """Break one after another, each as the dice will."""
        until = time.monotonic() + seconds
        self._next = {number: time.monotonic() + self._rest() for number in self._next}
        while (now := time.monotonic()) < until:
            for number, at in self._next.items():
                if now >= at and self.all[number].status.state == "live":
                    self._break(number)
            time.sleep(0.1)

    def _break(self, number: int) -> None:
        order = self._dice.choice(ORDERS)
        self.faults[order.partition(" ")[0]] += 1
        tell(self._folder / f"source{number}", order)
        self._next[number] = time.monotonic() + self._rest()

    def _rest(self) -> float:
        return self._dice.uniform(*REST_SECONDS)

    def _listening(self, name: str) -> Listening:
        options = {"moods": self._folder / name, "step_seconds": 0.25}
        return Listening.of(name, PLAYER, options, self._inbox, exact)

    def _take(self) -> None:
        by_name = {listening.name: listening for listening in self.all}
        while not self._over.is_set():
            for window in self._inbox.take(100, 0.2):
                by_name[window.source].take(window)


@row(TROUBLE_SECONDS + 60, beside=True)
def half_of_many(folder: Path) -> Result:
    """16 of 32 sources fail at random for 5 minutes."""
    result = Result()
    with Crowd(folder, SOURCES) as crowd:
        crowd.settle(120)
        before = Footprint.now()
        crowd.trouble(TROUBLE_SECONDS)
        crowd.settle(RETURN_SECONDS)
        _back_at(before)
        for listening in crowd.all:
            assert listening.fault is None, listening.fault
        for listening in crowd.steady:
            assert listening.is_undisturbed(), f"{listening.name}: {listening.states}"
        lost = [listening.lost for listening in crowd.troubled]
        result.lost, result.silence = sum(windows for windows, _ in lost), sum(seconds for _, seconds in lost)
        result.reasons = sorted({reason for listening in crowd.troubled for reason in listening.reasons})
        result.growth = Footprint.now().rss - before.rss
        heard = sum(listening.count() for listening in crowd.steady)
        result.note = f"{crowd.faults.total()} faults; the other 16 lost none of {heard} windows"
    return result


def _back_at(before: Footprint) -> None:
    deadline = time.monotonic() + 30
    while not (now := Footprint.now()).is_back_at(before, 4 * MOST_GROWTH):
        assert time.monotonic() < deadline, f"{now}, and before {before}"
        time.sleep(1)
