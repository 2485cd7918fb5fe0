"""Orders from other threads: bounded, done once, and always answered."""

import threading
import time

import pytest

from mgcld.errors import ConfigError, ControlError
from mgcld.service.change import desk as module
from mgcld.service.change.desk import Desk, Errands


def test_an_order_is_done_when_its_turn_comes_by_whoever_turns() -> None:
    desk = Desk()
    first, second = desk.ask(threading.get_ident), desk.ask(lambda: 7)
    assert not first.done()
    assert desk.turn()
    assert (first.result(0), second.done()) == (threading.get_ident(), False)
    assert desk.turn()
    assert second.result(0) == 7
    assert not desk.turn()


def test_what_an_order_raises_comes_out_of_its_future_and_harms_no_other() -> None:
    desk = Desk()

    def wrong() -> None:
        raise ConfigError("no such source", help="mend it")

    failed, good = desk.ask(wrong), desk.ask(lambda: 1)
    while desk.turn():
        pass
    with pytest.raises(ConfigError, match="no such source"):
        failed.result(0)
    assert good.result(0) == 1


def test_too_many_orders_are_refused_and_none_is_lost() -> None:
    desk = Desk()
    taken = [desk.ask(lambda number=number: number) for number in range(module.WAITING)]  # type: ignore[misc]
    with pytest.raises(ControlError, match="too many"):
        desk.ask(lambda: 0)
    while desk.turn():
        pass
    assert [future.result(0) for future in taken] == [*range(module.WAITING)]


def test_one_that_was_given_up_is_not_done() -> None:
    desk, done = Desk(), []
    assert desk.ask(lambda: done.append(1)).cancel()
    assert desk.turn()
    assert not done


def test_a_desk_that_closes_refuses_those_that_wait_and_those_that_come() -> None:
    desk = Desk()
    waiting = desk.ask(lambda: 1)
    desk.close()
    with pytest.raises(ControlError, match="stop"):
        waiting.result(0)
    with pytest.raises(ControlError, match="stop"):
        desk.ask(lambda: 1)


def test_a_desk_closes_while_the_last_orders_are_being_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """It did not: it counted them, and then took so many."""
    desk = Desk()
    orders = [desk.ask(lambda: 1), desk.ask(lambda: 1)]
    monkeypatch.setattr("mgcld.service.change.desk._refuse", desk.turn)  # another thread is as quick as that
    desk.close()
    assert all(order.done() for order in orders)


def test_errands_are_done_one_after_the_other_in_a_thread_that_ends() -> None:
    before = threading.active_count()
    errands, order = Errands("errands"), []

    def slowly(number: int) -> int:
        time.sleep(0.05 * (3 - number))
        order.append(number)
        return threading.get_ident()

    threads = {future.result(20) for future in [errands.ask(lambda n=n: slowly(n)) for n in range(3)]}  # type: ignore[misc]
    assert order == [0, 1, 2]
    assert len(threads) == 1
    assert threads != {threading.get_ident()}
    errands.close()
    assert errands.join(20)
    deadline = time.monotonic() + 20
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_in_progress_at_the_end_is_waited_for_but_not_for_ever() -> None:
    errands, may = Errands("errands"), threading.Event()
    busy = errands.ask(lambda: may.wait(60))
    while not busy.running():
        time.sleep(0.01)
    errands.close()
    assert not errands.join(0.1)
    may.set()
    assert errands.join(20)
    assert busy.result(0)
