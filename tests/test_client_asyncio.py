"""The asyncio way to listen hears what the plain one hears, and leaves nothing behind however it ends."""

import asyncio
import gc
import time
from collections.abc import Iterator
from typing import Any

import pytest
from bus_messages import event, meta, prob

from mgcld.client import AsyncSubscription, Received, subscribe_async
from mgcld.errors import ConfigError, ReceiveTimeout
from mgcld.service import wire
from mgcld.service.bus.publisher import Publisher


@pytest.fixture
def stamper() -> wire.Stamper:
    return wire.Stamper("attic")


@pytest.fixture
def bus() -> Iterator[Publisher]:
    with Publisher("tcp://127.0.0.1:*") as started:
        yield started


async def joined(bus: Publisher, stamper: wire.Stamper, **options: Any) -> AsyncSubscription:
    options["kinds"] = (*options.get("kinds", ("prob",)), "meta")
    subscription = subscribe_async(bus.endpoint, **{"timeout_seconds": 20, **options})
    bus.publish(stamper.stamp(meta()))
    assert (await anext(subscription)).kind == "meta"
    return subscription


async def several(messages: AsyncSubscription, count: int) -> list[Received]:
    return [await anext(messages) for _ in range(count)]


def test_messages_come_as_they_are_sent_with_what_was_lost(bus: Publisher, stamper: wire.Stamper) -> None:
    async def listen() -> list[Received]:
        async with await joined(bus, stamper, kinds=["prob", "event"], classes=["siren"]) as messages:
            stamped = [stamper.stamp(message) for message in (prob(), prob(), prob(), event("rain"), event())]
            for index in (0, 2, 3, 4):
                bus.publish(stamped[index])
            return await several(messages, 3)

    heard = asyncio.run(listen())
    assert [(m.kind, m.name, m.lost) for m in heard] == [("prob", None, 0), ("prob", None, 1), ("event", "siren", 0)]


def test_a_restart_is_recognised(stamper: wire.Stamper) -> None:
    async def listen() -> Received:
        with Publisher("tcp://127.0.0.1:*") as bus:
            messages = await joined(bus, stamper)
        with Publisher(bus.endpoint) as bus:
            bus.publish(wire.Stamper("attic").stamp(meta()))
            async with messages:
                return await anext(messages)

    message = asyncio.run(listen())
    assert (message.restarted, message.lost) == (True, 0)


def test_waiting_for_nothing_ends_with_a_clear_error_and_may_go_on(bus: Publisher, stamper: wire.Stamper) -> None:
    async def listen() -> None:
        async with await joined(bus, stamper, timeout_seconds=1) as messages:
            began = time.monotonic()
            with pytest.raises(ReceiveTimeout, match="nothing was heard for 1 s"):
                await anext(messages)
            assert 0.9 < time.monotonic() - began < 8
            bus.publish(stamper.stamp(prob()))
            assert (await anext(messages)).source == "mic1"

    asyncio.run(listen())


def test_cancelling_the_task_that_waits_closes_the_socket(bus: Publisher, stamper: wire.Stamper) -> None:
    async def listen() -> AsyncSubscription:
        messages = await joined(bus, stamper, timeout_seconds=None)
        waiting = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return messages

    assert asyncio.run(listen())._socket.closed


def test_closing_it_ends_the_loop_of_the_task_that_waits(bus: Publisher, stamper: wire.Stamper) -> None:
    async def listen() -> list[Received]:
        messages = await joined(bus, stamper, timeout_seconds=None)

        async def everything() -> list[Received]:
            return [message async for message in messages]

        waiting = asyncio.ensure_future(everything())
        await asyncio.sleep(0.1)
        messages.close()
        return await asyncio.wait_for(waiting, 20)

    assert asyncio.run(listen()) == []


def test_leaving_the_loop_closes_the_socket(bus: Publisher, stamper: wire.Stamper) -> None:
    async def listen() -> Any:
        messages = await joined(bus, stamper)
        socket = messages._socket
        bus.publish(stamper.stamp(prob()))
        async for message in messages:
            assert message.source == "mic1"
            break
        del messages
        gc.collect()
        return socket

    assert asyncio.run(listen()).closed


def test_other_tasks_run_while_messages_pour_in(bus: Publisher, stamper: wire.Stamper) -> None:
    """A loop that finds a message waiting each time must still let go of the thread."""

    async def listen() -> int:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async with await joined(bus, stamper) as messages:
            other = asyncio.ensure_future(turn())
            for _ in range(200):
                bus.publish(stamper.stamp(prob()))
            time.sleep(0.5)  # in the socket's queue by now
            heard = await several(messages, 200)
            other.cancel()
        assert [message.lost for message in heard] == [0] * 200
        return turns

    assert asyncio.run(listen()) >= 100


def test_two_loops_one_after_the_other_hear_as_well(bus: Publisher, stamper: wire.Stamper) -> None:
    async def listen() -> str:
        async with await joined(bus, stamper) as messages:
            bus.publish(stamper.stamp(prob()))
            return (await anext(messages)).kind

    assert [asyncio.run(listen()) for _ in range(2)] == ["prob", "prob"]


def test_an_address_that_is_none_is_a_named_error() -> None:
    with pytest.raises(ConfigError, match="cannot listen"):
        subscribe_async("http://127.0.0.1:5765")
