"""A small daemon to control: two sources that can be paused, an adapter that can be swapped, a loop that can hang."""

import dataclasses
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from mgcld.data import Event, SourceStatus, Transition
from mgcld.errors import CheckpointError, ConfigError
from mgcld.service.snapshot import BusStatus, SinkStatus, Snapshot
from mgcld.service.wire import Meta, NodeStatus

NOON = 1_700_000_000_000_000_000
HISTORY = tuple(Transition(NOON + step, "connecting", "timeout") for step in range(100))
SIREN = Event(
    "01HF0000000000000000000000", "kitchen", "siren", "start", NOON, NOON, 0.9, 0.8, 2, 0.5, 0.3, "adc", 0, "0a1b"
)

Result = Mapping[str, Any]


class SmallDaemon:
    """Orders are carried out by a thread of its own, one after the other, while `going` is set."""

    def __init__(self) -> None:
        self.going = threading.Event()
        self.going.set()
        self.given = 0
        """Orders so far."""
        self.stuck = False
        self.facts: dict[str, Any] = {"codec": "opus"}
        self.adapter = "0a1b"
        self.statuses = {
            "kitchen": SourceStatus("kitchen", "live", NOON, level_dbfs=-30.5, bytes_per_s=192000.0),
            "yard": SourceStatus("yard", "lost", NOON, "auth", "the password is wrong", 7, history=HISTORY),
        }
        self._orders: queue.Queue[tuple[Future[Result], Callable[[], Result]] | None] = queue.Queue()
        self._loop = threading.Thread(target=self._turn)
        self._loop.start()

    def snapshot(self) -> Snapshot:
        return Snapshot(
            node="attic",
            boot_id="b007",
            started_ns=NOON,
            ready=True,
            turned_seconds=34.0 if self.stuck else 0.1,
            stuck=self.stuck,
            meta=Meta(["siren", "dog"], [0.5, 0.25], "mini", None, self.adapter, 5.0, 1.0),
            status=NodeStatus(0.12, 0, 2.0, 400_000_000, None, {"live": 1, "lost": 1}, ["yard"]),
            sources=[dataclasses.replace(status, facts=self.facts) for status in self.statuses.values()],
            events=[SIREN],
            sinks=[
                SinkStatus("log", 0, 0, 0, {"delivered": 3}),
                SinkStatus("home", 2, 5, 0, {"delivered": 3, "failed": 0, "reason": "refused"}),
            ],
            bus=BusStatus("tcp://127.0.0.1:5765", {"prob": 12}, 0, 0),
        )

    def reload(self) -> "Future[Result]":
        return self._order(lambda: {"changed": ["sources.yard"], "restart_needed": ["encoder"]})

    def swap(self, path: Path | None) -> "Future[Result]":
        def swapped() -> Result:
            if path is not None and not path.exists():
                raise CheckpointError(f"there is no adapter at {path}", help="train one")
            self.adapter = "0a1b" if path is None else path.name
            return {"adapter": self.adapter, "classes": ["siren", "dog"]}

        return self._order(swapped)

    def pause(self, source: str) -> "Future[Result]":
        return self._order(lambda: self._put(source, "paused"))

    def resume(self, source: str) -> "Future[Result]":
        return self._order(lambda: self._put(source, "connecting"))

    def __enter__(self) -> "SmallDaemon":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.going.set()
        self._orders.put(None)
        self._loop.join(10)

    def _put(self, source: str, state: Any) -> Result:
        if source == "oops":
            raise ZeroDivisionError("rtsp://user:secret@camera/")
        if source == "leak":
            raise ConfigError("cannot use rtsp://user:secret@camera/1", help="see rtsp://user:secret@camera/1")
        if source not in self.statuses:
            raise ConfigError(f"no source is called {source}", help=f"there are {', '.join(self.statuses)}")
        self.statuses[source] = dataclasses.replace(self.statuses[source], state=state)
        return {"source": source, "state": state}

    def _order(self, what: Callable[[], Result]) -> "Future[Result]":
        future: Future[Result] = Future()
        self._orders.put((future, what))
        self.given += 1
        return future

    def _turn(self) -> None:
        while (order := self._orders.get()) is not None:
            self.going.wait(60)
            future, what = order
            try:
                future.set_result(what())
            except Exception as error:
                future.set_exception(error)
