"""Live sound that comes in bursts, evenly."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

from mgcld.data import NANOSECONDS, AudioBlock

HASTE = 1.1
"""What a server sends ahead, or a segment at a time, is passed on so much faster than it sounds, and no faster."""
UNCERTAINTY_NS = 30 * NANOSECONDS
"""Servers and players hold back some seconds, HLS commonly three segments."""


def paced(blocks: Generator[AudioBlock, None, None]) -> Iterator[AudioBlock]:
    """Each block when it is due: a server's head start would else look like one moment with much sound."""
    due = time.monotonic()
    with closing(blocks):
        for block in blocks:
            seconds = len(block.samples) / block.sample_rate
            time.sleep(max(0.0, due - time.monotonic()))
            if seconds:
                due = max(due, time.monotonic()) + seconds / HASTE
                heard_ns = time.time_ns() - round(seconds * NANOSECONDS)
                block = replace(block, captured_ns=heard_ns, clock="arrival", clock_uncertainty_ns=UNCERTAINTY_NS)
            yield block
