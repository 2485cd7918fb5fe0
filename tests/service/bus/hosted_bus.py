"""A publisher in a process of its own, so that its memory and its log are its own, and somebody who listens to it."""

import json
import logging
import os
import sys
import time
from pathlib import Path
from types import TracebackType

import psutil
from children import Child

from mgcld.data import Message
from mgcld.service import wire
from mgcld.service.bus.keys import CurveKeys
from mgcld.service.bus.publisher import Publisher

LOOPBACK = "tcp://127.0.0.1:*"
HERE = (Path(__file__).parents[2], Path(__file__).parents[3])
"""Where `children` and mgcld are found."""
LISTENER = """
import json, sys, time, zmq
sub = zmq.Context().socket(zmq.SUB)
sub.subscribe("mgcl/v1/prob/")
if len(sys.argv) > 2:
    own, secret, server = (key.encode() for key in sys.argv[2:])
    sub.curve_publickey, sub.curve_secretkey, sub.curve_serverkey = own, secret, server
sub.connect(sys.argv[1])
told, count, worst = 0.0, 0, 0
while True:
    header = json.loads(sub.recv_multipart()[1])
    count, worst = count + 1, max(worst, time.time_ns() - header["t_pub_ns"])
    if time.monotonic() > told + 0.1:
        told = time.monotonic()
        print(header["seq"], count, worst / 1e6)
        worst = 0
"""


class HostedBus:
    """Publishes `rate` windows of `classes` probabilities a second."""

    def __init__(self, endpoint: str = LOOPBACK, *, rate: float = 20, classes: int = 50, **more: str) -> None:
        wish = {"endpoint": endpoint, "rate": rate, "classes": classes, **more}
        path = os.pathsep.join([*map(str, HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.child = Child(Path(__file__), json.dumps(wish), environment={**os.environ, "PYTHONPATH": path})
        self.endpoint = self.child.line()
        self.port = int(self.endpoint.rpartition(":")[2]) if self.endpoint.startswith("tcp") else 0
        self._process = psutil.Process(self.child.process.pid)

    @property
    def memory(self) -> int:
        """Bytes that it holds."""
        return int(self._process.memory_info().rss)

    @property
    def descriptors(self) -> int:
        """Files and connections that it has open."""
        return int(self._process.num_fds())

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.child.errors

    def state(self) -> tuple[int, float]:
        """(connections that were refused, the longest `publish()` in ms), as of now."""
        self.child.waiting()
        failed, worst = self.child.line().split()
        return int(failed), float(worst)

    def __enter__(self) -> "HostedBus":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.child.__exit__(kind, error, at)


def listener(endpoint: str, *keys: bytes) -> Child:
    """Prints now and then: the `seq` heard last, how many so far, and how late the latest since was (ms)."""
    return Child(LISTENER, endpoint, *(key.decode() for key in keys))


def hears(child: Child) -> tuple[int, int, float]:
    """What a listener has to say from now on."""
    child.waiting()
    seq, count, worst = child.line().split()
    return int(seq), int(count), float(worst)


def window(classes: int) -> Message:
    """A message of realistic size."""
    body = {"p": [0.123456] * classes, "unknown": 0.25, "top": [["siren", 0.75], ["unknown", 0.25]]}
    header = {"source": "mic1", "sample_rate": 48000, "samples": 240000, "latency_ms": {"queue": 0.1, "encode": 9.5}}
    return Message("prob", wire.topic("prob", "mic1"), header, body)


def main() -> None:
    wish = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    curve = CurveKeys.load(Path(wish["key_file"]), Path(wish["clients"])) if "key_file" in wish else None
    stamper, message = wire.Stamper("attic"), window(wish["classes"])
    told, worst = 0.0, 0.0
    with Publisher(wish["endpoint"], beside=wish.get("beside"), curve=curve) as bus:
        print(bus.endpoint)
        while bus.failed is None:
            began = time.perf_counter()
            bus.publish(stamper.stamp(message))
            worst = max(worst, time.perf_counter() - began)
            if time.monotonic() > told + 0.2:
                told = time.monotonic()
                print(bus.handshakes_failed, round(1000 * worst, 3))
            time.sleep(1 / wish["rate"])


if __name__ == "__main__":
    main()
