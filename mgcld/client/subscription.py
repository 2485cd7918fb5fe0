"""Two ways to wait for messages: a thread's, and asyncio's."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import zmq
import zmq.asyncio

from mgcld.client.reading import Reader
from mgcld.client.received import Received
from mgcld.errors import ReceiveTimeout

S = TypeVar("S", bound="zmq.Socket[Any]")


class _Owner(Generic[S]):
    """Owns a connected socket: close it, leave its `with` block, or forget it."""

    def __init__(self, socket: S, reader: Reader, timeout_seconds: float | None) -> None:
        self._socket = socket
        self._reader = reader
        self._timeout_seconds = timeout_seconds

    @property
    def malformed(self) -> int:
        """Messages that were skipped because they were none."""
        return self._reader.malformed

    def close(self) -> None:
        """Let go of the socket; iterating ends."""
        self._socket.close(linger=0)

    def __del__(self) -> None:
        """A loop that was left by `break` has nobody to close it."""
        if hasattr(self, "_socket"):
            self.close()

    def _deadline(self) -> float | None:
        return None if self._timeout_seconds is None else time.monotonic() + self._timeout_seconds

    def _silence(self) -> ReceiveTimeout:
        told = f"nothing was heard for {self._timeout_seconds} s"
        return ReceiveTimeout(told, help="is mgcld running, and its endpoint this one?")


class Subscription(_Owner["zmq.Socket[bytes]"], Iterator[Received]):
    """An iterator over messages that owns a socket: close it, leave its `with` block, or forget it. For one thread."""

    def __next__(self) -> Received:
        """The next message.

        Raises:
            ReceiveTimeout: there was none in time.
        """
        deadline = self._deadline()
        while not self._socket.closed:
            if not self._socket.poll(_left_ms(deadline)):
                raise self._silence()
            message = self._reader.take(self._socket.recv_multipart())
            if message is not None:
                return message
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncSubscription(_Owner[zmq.asyncio.Socket], AsyncIterator[Received]):
    """An asynchronous iterator over messages that owns a socket: close it, leave its `async with` block, or forget it.

    For one task. A task that is cancelled while it waits closes it.
    """

    async def __anext__(self) -> Received:
        """The next message.

        Raises:
            ReceiveTimeout: there was none in time.
        """
        try:
            message = await self._next(self._deadline())
        except asyncio.CancelledError:
            if not _is_cancelled():  # another task has closed us
                raise StopAsyncIteration from None
            self.close()
            raise
        if message is None:
            raise StopAsyncIteration
        return message

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    async def _next(self, deadline: float | None) -> Received | None:
        while not self._socket.closed:
            if not await self._socket.poll(_left_ms(deadline)):
                raise self._silence()
            message = self._reader.take(await self._socket.recv_multipart(zmq.NOBLOCK))
            if message is not None:
                return message
        return None


def _left_ms(deadline: float | None) -> int | None:
    return None if deadline is None else max(0, round(1000 * (deadline - time.monotonic())))


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
