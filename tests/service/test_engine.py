"""The loop's step with a captioner that is slow: captions are left out, probabilities are not."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mgcld_plugins.encoders.mini import MiniEncoder
from untrained import trained

from mgcld.audio.inbox import Inbox
from mgcld.audio.windows import made_window
from mgcld.data import AudioFeatures, Message, Window
from mgcld.events.decider import Decider
from mgcld.events.rules import Rules
from mgcld.model.captions import Deadline
from mgcld.model.listen import Listener
from mgcld.model.recogniser import Recogniser
from mgcld.service import engine as module
from mgcld.service import wire
from mgcld.service.bus.publisher import Publisher
from mgcld.service.engine import Engine
from mgcld.service.outlet import Outlet
from mgcld.service.served import Served
from mgcld.training.fit import SEED

SECONDS = 0.1


class SlowCaptioner:
    """Takes its time for each window, and counts."""

    provenance = "slow"

    def __init__(self) -> None:
        self.written = 0

    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> list[str]:
        assert len(features.coarse) == len(features.fine) == len(features.weights) == len(windows)
        assert features.tags is not None
        assert len(features.tags) == len(windows)
        time.sleep(SECONDS * len(windows))
        self.written += len(windows)
        return [f"rain number {self.written}"] * len(windows)


class Keeper:
    """A sink that keeps what it takes."""

    def __init__(self) -> None:
        self.taken: list[Message] = []

    def take(self, message: Message) -> None:
        self.taken.append(message)

    def close(self) -> None: ...


@pytest.fixture
def bus() -> Iterator[Publisher]:
    with Publisher("tcp://127.0.0.1:*") as started:
        yield started


def windows(hop: int, count: int) -> list[Window]:
    rng = np.random.default_rng(SEED)
    noise = rng.normal(0, 0.1, 80_000).astype(np.float32)
    return [replace(made_window("room", noise, 16_000), first_sample=k * hop) for k in range(count)]


def probs(bus: Publisher, deadline: Deadline | None, hop: int, count: int) -> tuple[list[Message], Engine]:
    """What goes out for so many windows that come one by one."""
    keeper = Keeper()
    outlet = Outlet(wire.Stamper("attic"), bus, {"keeper": keeper})
    engine = made(outlet, deadline)
    for window in windows(hop, count):
        engine.inbox.put(window, wait=False, stop=threading.Event())
        assert engine.turn(1.0) == 1
    outlet.close()
    return keeper.taken, engine


def made(outlet: Outlet, deadline: Deadline | None) -> Engine:
    encoder = MiniEncoder("cpu")
    adapter = trained(encoder)
    recogniser = Recogniser(Listener(encoder, SlowCaptioner(), deadline), adapter)
    meta = wire.Meta(adapter.classes, adapter.thresholds, "mini", "slow", "0a1b", 5.0, 1.0)
    decider = Decider(longest_hop_seconds=5.0, update_seconds=5.0)
    decider.use(adapter.classes, "0a1b", Rules())
    served = Served(recogniser, meta, adapter.thresholds, Path("adapter.safetensors"))
    engine = Engine(served, Inbox(8), outlet, decider, max_batch=8)
    engine.warm_up()
    return engine


def test_every_nth_window_has_a_caption_and_overlapping_ones_keep_it(bus: Publisher) -> None:
    sent, engine = probs(bus, Deadline(SECONDS / 2.5), 16_000, 12)
    fresh = [message.body["caption_fresh"] for message in sent]
    assert 2 <= sum(fresh) <= 6  # a caption that took longer, on a busy machine, is paid for too
    assert engine.skipped_captions == 12 - sum(fresh)
    first = fresh.index(True)
    for before, after in zip(sent[first:], sent[first + 1 :], strict=False):
        if not after.body["caption_fresh"]:
            assert after.body["caption"] == before.body["caption"]
    assert all(abs(sum(message.body["p"]) + message.body["unknown"] - 1) < 1e-4 for message in sent)


def test_windows_that_do_not_overlap_go_without(bus: Publisher) -> None:
    sent, _ = probs(bus, Deadline(SECONDS / 2.5), 80_000, 8)
    told = {(message.body["caption_fresh"], "caption" in message.body) for message in sent}
    assert told == {(True, True), (False, False)}


def test_without_a_deadline_every_window_has_its_own(bus: Publisher) -> None:
    sent, engine = probs(bus, None, 16_000, 3)
    assert [message.body["caption_fresh"] for message in sent] == [True] * 3
    assert len({message.body["caption"] for message in sent}) == 3
    assert engine.skipped_captions == 0


def test_the_node_s_health_counts_what_was_skipped(bus: Publisher) -> None:
    _, engine = probs(bus, Deadline(SECONDS / 2.5), 16_000, 8)
    status = engine.pace.status(0, (), 0, engine.skipped_captions)
    assert wire.node_health(status).body["skipped_captions"] == engine.skipped_captions > 0


def test_a_slow_model_takes_no_more_at_once_than_there_is_time_for(
    bus: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog must not keep the loop from its watchdog."""
    monkeypatch.setattr(module, "LONGEST_TURN_SECONDS", 3.9 * SECONDS)
    outlet = Outlet(wire.Stamper("attic"), bus, {})
    engine = made(outlet, None)
    for window in windows(16_000, 8):
        engine.inbox.put(window, wait=False, stop=threading.Event())
    turns = []
    while taken := engine.turn(0.0):
        turns.append(taken)
    assert sum(turns) == 8
    assert max(turns) <= 3
    outlet.close()


def test_what_has_gone_out_is_acknowledged_a_turn_later(bus: Publisher) -> None:
    outlet = Outlet(wire.Stamper("attic"), bus, {})
    engine = made(outlet, None)
    gone: list[int] = []
    engine.inbox.call("room", lambda window: gone.append(window.first_sample))
    told = []
    for window in windows(16_000, 2):
        engine.inbox.put(window, wait=False, stop=threading.Event())
        engine.turn(1.0)
        told.append([*gone])
    engine.turn(0.0)
    engine.turn(0.0)
    assert [*told, gone] == [[], [0], [0, 16_000]]
    outlet.close()


def test_batches_are_powers_of_two_and_nothing_waits_for_them(bus: Publisher) -> None:
    """For few sizes memory is used again."""
    outlet = Outlet(wire.Stamper("attic"), bus, {})
    engine = made(outlet, None)
    for window in windows(16_000, 7):
        engine.inbox.put(window, wait=False, stop=threading.Event())
    assert [engine.turn(0.0) for _ in range(4)] == [4, 2, 1, 0]
    outlet.close()


def test_of_a_source_that_is_gone_nothing_is_kept(bus: Publisher) -> None:
    """Not the window that its last caption was written for, nor what the decider knew: sources come and go."""
    deadline = Deadline(100 * SECONDS)
    _, engine = probs(bus, deadline, 16_000, 2)
    engine.acknowledge()
    memory = engine.served.recogniser._listener._memory
    assert "room" in memory._last
    engine.forget("room")
    assert "room" not in memory._last
    assert not engine.decider._places
    assert "room" not in deadline._turns


class BrokenCaptioner(SlowCaptioner):
    """Has no words."""

    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> list[str]:
        raise ConnectionError(f"no words for {len(windows)} windows of {len(features.coarse)}")


def test_another_captioner_is_tried_out_before_it_serves(bus: Publisher) -> None:
    """A reload brought it in untried, and the first window after that ended the loop."""
    engine = made(Outlet(wire.Stamper("attic"), bus, {}), None)
    encoder = MiniEncoder("cpu")
    recogniser = Recogniser(Listener(encoder, BrokenCaptioner()), trained(encoder))
    with pytest.raises(ConnectionError):
        engine.try_out(replace(engine.served, recogniser=recogniser))
