import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import block, noise

from mgcld.audio.inbox import Inbox, Traffic
from mgcld.audio.windows import Windower
from mgcld.data import Flag, Window

NEVER = threading.Event()


def window(source: str, index: int) -> Window:
    (made,) = Windower(source, 1000, 0.01, 0.01).push(block(noise(10), 1000, first=index * 10))
    return made


def put(inbox: Inbox, source: str, *indices: int, wait: bool = False) -> None:
    for index in indices:
        inbox.put(window(source, index), wait=wait, stop=NEVER)


def said(windows: list[Window]) -> list[tuple[str, int, int]]:
    return [(each.source, each.first_sample // 10, each.dropped_windows) for each in windows]


def test_windows_leave_in_the_order_they_came_and_no_more_than_wanted() -> None:
    inbox = Inbox(10)
    put(inbox, "a", 0, 1)
    put(inbox, "b", 0)
    assert len(inbox) == 3
    assert said(inbox.take(2, 0)) == [("a", 0, 0), ("a", 1, 0)]
    assert said(inbox.take(2, 0)) == [("b", 0, 0)]
    assert len(inbox) == 0


def test_the_newest_wins_and_the_next_window_tells_of_the_drops() -> None:
    inbox = Inbox(2)
    put(inbox, "a", 0)
    put(inbox, "b", 0)
    put(inbox, "a", 1, 2)  # a0 goes, then b0
    put(inbox, "a", 3)  # a1 goes
    assert (inbox.dropped("a"), inbox.dropped("b"), inbox.dropped("c")) == (2, 1, 0)
    assert said(inbox.take(9, 0)) == [("a", 2, 2), ("a", 3, 0)]
    put(inbox, "a", 4)
    put(inbox, "b", 1)
    assert said(inbox.take(9, 0)) == [("a", 4, 0), ("b", 1, 1)]
    assert inbox.dropped("a") == 2


@pytest.mark.parametrize(("gaps", "told"), [((5, 7, 0), 12), ((5, None, 0), None), ((0, 0, 3), 3)])
def test_the_next_window_tells_of_gaps_and_steps_that_were_dropped_with_their_windows(
    gaps: tuple[int | None, ...], told: int | None
) -> None:
    inbox = Inbox(1)
    for index, gap in enumerate(gaps):
        flags: frozenset[Flag] = frozenset({"clock_step", "silent"} if not index else ())
        made = replace(window("a", index), gap_samples=gap, flags=flags)
        inbox.put(made, wait=False, stop=NEVER)
    (taken,) = inbox.take(9, 0)
    assert (taken.dropped_windows, taken.gap_samples, taken.flags) == (2, told, frozenset({"clock_step"}))
    put(inbox, "a", 3)
    (taken,) = inbox.take(9, 0)
    assert (taken.dropped_windows, taken.gap_samples, taken.flags) == (0, 0, frozenset())


def test_a_source_that_can_wait_loses_nothing_and_costs_the_others_nothing() -> None:
    inbox = Inbox(2)
    put(inbox, "file", 0, 1, wait=True)
    put(inbox, "mic", 0, 1)
    late = threading.Thread(target=put, args=(inbox, "file", 2), kwargs={"wait": True}, daemon=True)
    late.start()
    put(inbox, "mic", 2)
    late.join(0.3)
    assert late.is_alive()
    assert said(inbox.take(1, 0)) == [("file", 0, 0)]
    late.join(5)
    assert said(inbox.take(9, 0)) == [("file", 1, 0), ("mic", 1, 1), ("mic", 2, 0), ("file", 2, 0)]
    assert (inbox.dropped("file"), inbox.dropped("mic")) == (0, 1)


def test_a_stop_ends_the_wait_for_room() -> None:
    inbox = Inbox(1)
    put(inbox, "file", 0, wait=True)
    stop = threading.Event()
    late = threading.Thread(
        target=inbox.put, args=(window("file", 1),), kwargs={"wait": True, "stop": stop}, daemon=True
    )
    late.start()
    stop.set()
    late.join(5)
    assert not late.is_alive()
    assert said(inbox.take(9, 0)) == [("file", 0, 0)]


def test_nothing_comes_after_the_timeout() -> None:
    began = time.monotonic()
    assert Inbox(1).take(9, 0.05) == []
    assert time.monotonic() - began >= 0.05


def test_a_window_wakes_the_one_who_waits() -> None:
    inbox = Inbox(1)
    taken: list[Window] = []
    waiting = threading.Thread(target=lambda: taken.extend(inbox.take(9, 30)), daemon=True)
    waiting.start()
    put(inbox, "a", 0)
    waiting.join(10)
    assert said(taken) == [("a", 0, 0)]


@given(
    capacity=st.integers(1, 4),
    moves=st.lists(st.one_of(st.sampled_from(["a", "b"]), st.integers(1, 5)), max_size=40),
)
def test_every_window_is_taken_or_counted(capacity: int, moves: list[str | int]) -> None:
    inbox, puts, taken = Inbox(capacity), {"a": 0, "b": 0}, []
    for move in moves:
        if isinstance(move, str):
            put(inbox, move, puts[move])
            puts[move] += 1
        else:
            taken += inbox.take(move, 0)
    taken += inbox.take(100, 0)
    for source, count in puts.items():
        mine = [(index, drops) for name, index, drops in said(taken) if name == source]
        expected = 0
        for index, drops in mine:
            assert index == expected + drops
            expected = index + 1
        assert len(mine) + inbox.dropped(source) == count


def test_it_never_holds_more_than_its_capacity_of_each_kind() -> None:
    inbox = Inbox(3)
    put(inbox, "mic", *range(10))
    put(inbox, "file", 0, 1, 2, wait=True)
    assert len(inbox) == 6


@pytest.mark.parametrize("most", [1, 3])
def test_many_sources_and_one_taker_agree_on_the_count(most: int) -> None:
    inbox, taken = Inbox(5), []
    sources = [f"mic{number}" for number in range(4)]
    threads = [threading.Thread(target=put, args=(inbox, name, *range(50)), daemon=True) for name in sources]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or len(inbox):
        taken += inbox.take(most, 0.01)
    for name in sources:
        mine = [each for each in taken if each.source == name]
        assert len(mine) + inbox.dropped(name) == 50
        assert [each.first_sample for each in mine] == sorted(each.first_sample for each in mine)


def test_of_sources_that_cannot_wait_every_nth_window_is_kept_and_tells_of_the_others() -> None:
    inbox = Inbox(9)
    inbox.keep_every(3)
    put(inbox, "mic", *range(8))
    put(inbox, "file", 0, 1, 2, wait=True)
    taken = inbox.take(99, 0)
    assert said(taken) == [
        *[("mic", 0, 0), ("mic", 3, 2), ("mic", 6, 2)],
        *[("file", 0, 0), ("file", 1, 0), ("file", 2, 0)],
    ]
    assert (inbox.dropped("mic"), inbox.dropped("file")) == (5, 0)
    assert inbox.traffic == Traffic(arrived=8, overflowed=0, passed=5)
    inbox.keep_every(1)
    put(inbox, "mic", 8, 9)
    assert said(inbox.take(9, 0)) == [("mic", 8, 1), ("mic", 9, 0)]


def test_a_window_that_waits_does_not_tell_of_those_passed_over_behind_it() -> None:
    inbox = Inbox(9)
    put(inbox, "mic", 0)
    inbox.keep_every(2)
    put(inbox, "mic", 1, 2)
    assert said(inbox.take(9, 0)) == [("mic", 0, 0), ("mic", 2, 1)]


@given(
    capacity=st.integers(1, 3),
    moves=st.lists(st.sampled_from(["a", "b", "take", "every 1", "every 2", "every 4"]), max_size=60),
)
def test_every_window_is_taken_or_counted_however_the_hop_changes(capacity: int, moves: list[str]) -> None:
    inbox, puts, taken = Inbox(capacity), {"a": 0, "b": 0}, []
    for move in moves:
        if move in puts:
            put(inbox, move, puts[move])
            puts[move] += 1
        elif move == "take":
            taken += inbox.take(2, 0)
        else:
            inbox.keep_every(int(move.split()[1]))
    taken += inbox.take(100, 0)
    for source, count in puts.items():
        mine = [(index, drops) for name, index, drops in said(taken) if name == source]
        expected = 0
        for index, drops in mine:
            assert index == expected + drops
            expected = index + 1
        assert len(mine) + inbox.dropped(source) == count
    assert inbox.traffic.arrived == sum(puts.values())
    assert inbox.traffic.overflowed + inbox.traffic.passed == inbox.dropped("a") + inbox.dropped("b")


def test_a_source_that_is_gone_leaves_no_counts() -> None:
    inbox = Inbox(1)
    put(inbox, "a", 0, 1)
    inbox.forget("a")
    assert inbox.dropped("a") == 0
    assert said(inbox.take(9, 0)) == [("a", 1, 0)]


def test_it_holds_a_source_until_its_last_window_has_gone_out() -> None:
    inbox = Inbox(10)
    put(inbox, "a", 0, 1)
    first = inbox.take(1, 0)
    assert inbox.holds("a")
    second = inbox.take(1, 0)
    assert (inbox.waits_for("a"), inbox.holds("a"), inbox.holds("b")) == (False, True, False)
    inbox.done(first)
    assert inbox.holds("a")
    inbox.done(second)
    assert not inbox.holds("a")
