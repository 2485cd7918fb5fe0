"""The sinks of another configuration in the place of those before, or none of them."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from functools import partial

from mgcld.config import Config
from mgcld.errors import ControlError
from mgcld.interfaces import Sink
from mgcld.service.outlet import Outlet

logger = logging.getLogger(__name__)

SINK_SECONDS = 20.0
"""A sink may take so long to finish what waits for it, and another to be built in its place."""

Build = Callable[[Config, str], Sink]


@contextmanager
def exchanged_sinks(outlet: Outlet, build: Build, old: Config, new: Config, names: Sequence[str]) -> Iterator[None]:
    """Within the block messages go to the sinks of the new configuration; whatever it raises, to the old ones again.

    `names`: of those that differ. Those that are gone are closed behind the block.

    Raises:
        MgcldError: one cannot be built, or takes too long; those that were exchanged before are built back.
    """
    with ExitStack() as undo:
        for name in names:
            if name in old.sinks and name in new.sinks:
                _exchange(outlet, name, partial(build, new, name), partial(build, old, name), undo)
            elif name in new.sinks:
                outlet.add(name, build(new, name))
                undo.callback(outlet.remove, name)
        yield
        undo.pop_all()
    for name in names:
        if name not in new.sinks:
            outlet.remove(name)


def _exchange(
    outlet: Outlet, name: str, build: Callable[[], Sink], before: Callable[[], Sink], undo: ExitStack
) -> None:
    future = outlet.exchange(name, build, before)
    wait([future], SINK_SECONDS)
    if future.done():
        future.result()
        undo.callback(_put_back, outlet, name, before)
        return
    if not future.cancel():  # it is at work: behind it the old one comes back
        _put_back(outlet, name, before)
    raise ControlError(
        f"sinks.{name}: it has not finished what it does in {SINK_SECONDS:.0f} s", help="see the log, and reload again"
    )


def _put_back(outlet: Outlet, name: str, before: Callable[[], Sink]) -> None:
    def told(future: "Future[None]") -> None:
        error = future.exception()
        if error is not None:
            logger.error("sink %s: it cannot be built as it was before: %s", name, error)

    outlet.exchange(name, before, before).add_done_callback(told)
