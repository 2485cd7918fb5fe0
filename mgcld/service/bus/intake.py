"""How much subscribers send, as the kernel counts it: whoever floods us is cut off before libzmq has taken it all in.

libzmq takes in what subscriptions there are within any call, for as long as there are more: a flood would hold the
thread that owns the socket and fill the memory, at 250 MB a second. This thread looks on from outside. It knows TCP
only: who may open an ipc socket of ours is of our own group.
"""

import threading

from mgcld.service.bus.guard import Guard

LOOK_SECONDS = 0.01
FADES = 0.99
"""Of what came before, so much counts at the next look: half is forgotten in 0.7 s."""
MOST_BYTES = 200_000
"""So much of one connection ..."""
ALL_BYTES = 500_000
"""... and so much of all together may have come lately: 50 times that is what libzmq makes of subscriptions."""


class Intake:
    """Watches the connections of a guard, in a thread of its own."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        connections = [each for each in [*self._guard.connections.values()] if not each.cut]
        for each in connections:
            each.measure(FADES)
        total = sum(each.lately for each in connections)
        for each in sorted(connections, key=lambda each: -each.lately):
            if each.lately <= MOST_BYTES and total <= ALL_BYTES:
                return
            total -= each.lately
            each.why = f"it sent {each.lately / 1000:.0f} kB at once"
            each.sever()
