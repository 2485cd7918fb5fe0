"""How fast it works: work against sound over the last minute, and what the process holds."""

import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path

from mgcld.data import SourceStatus, Window
from mgcld.service.verdict import Verdict
from mgcld.service.wire import NodeStatus

MEMORY_SECONDS = 60.0
MOST_BATCHES = 10_000


class Pace:
    """Remembers a minute of batches. Any thread may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._batches: deque[tuple[float, int, float, float]] = deque(maxlen=MOST_BATCHES)
        self._sizes: Counter[int] = Counter()
        self._began = clock()

    @property
    def seconds_per_window(self) -> float | None:
        """Work that a window took, lately; None before the first one."""
        _, batches = self._recent()
        windows = sum(batch[1] for batch in batches)
        return sum(batch[3] for batch in batches) / windows if windows else None

    def worked(self, windows: Sequence[Window], seconds: float) -> None:
        """A batch took so many seconds of work."""
        sound = sum(window.valid_samples / window.sample_rate for window in windows)
        with self._lock:
            self._batches.append((self._clock(), len(windows), sound, seconds))
            self._sizes[len(windows)] += 1

    def status(
        self,
        queue_depth: int,
        sources: Sequence[SourceStatus],
        dropped_messages: int,
        skipped_captions: int = 0,
        verdict: Verdict = Verdict(),  # noqa: B008 (frozen)
    ) -> NodeStatus:
        """How the node is doing now."""
        now, batches = self._recent()
        sound = sum(batch[2] for batch in batches)
        return NodeStatus(
            realtime_factor=sum(batch[3] for batch in batches) / sound if sound else None,
            queue_depth=queue_depth,
            windows_per_s=sum(batch[1] for batch in batches) / min(max(now - self._began, 1.0), MEMORY_SECONDS),
            rss_bytes=rss_bytes(),
            gpu_bytes=gpu_bytes(),
            sources=Counter(status.state for status in sources),
            alarms=[status.source for status in sources if status.alarm_since_ns is not None],
            dropped_messages=dropped_messages,
            skipped_captions=skipped_captions,
            keeping_up=verdict.keeping_up,
            overload=verdict.overload,
            load=verdict.load,
            hop_factor=verdict.hop_factor,
            batches=self._sizes.copy(),
        )

    def _recent(self) -> tuple[float, list[tuple[float, int, float, float]]]:
        """The time, and the batches of the last minute."""
        with self._lock:
            now = self._clock()
            while self._batches and now - self._batches[0][0] > MEMORY_SECONDS:
                self._batches.popleft()
            return now, list(self._batches)


def rss_bytes() -> int:
    """Memory that this process holds; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def gpu_bytes() -> int | None:
    """GPU memory that torch holds; None without a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return int(torch.cuda.memory_reserved())
