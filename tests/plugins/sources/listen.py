"""Runs one microphone in a process of its own, where PortAudio sees the test's devices; prints a JSON object a line.

`listen.py windows DEVICE SECONDS`, `listen.py overflow DEVICE BLOCKS_TO_KEEP SECONDS_TO_LOOK_AWAY`,
`listen.py follow DEVICE [OPTIONS AS JSON]`, `listen.py devices`; where the kernel shows its cards: MGCLD_TEST_ROOT.
"""

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from mgcld_plugins.sources import microphone
from tones import frequency_of

from mgcld.audio.capture import Capture
from mgcld.audio.inbox import Inbox
from mgcld.data import SourceStatus
from mgcld.errors import SourceError

RETRY_SECONDS = 1.0
"""As the supervisor does for a device that is absent, but twice as often, to save time."""


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def windows(device: str, seconds: str) -> None:
    """What a capture of the device tells and delivers, for so long."""
    inbox = Inbox(100)

    def on_status(status: SourceStatus) -> None:
        tell(state=status.state, reason=status.reason)

    capture = Capture(
        "mic",
        microphone.MicrophoneSource(device),
        sample_rate=16_000,
        window_seconds=0.5,
        hop_seconds=0.5,
        inbox=inbox,
        on_status=on_status,
    )
    capture.start()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for window in inbox.take(9, 0.2):
            tell(
                epoch=window.epoch,
                first_sample=window.first_sample,
                gap_samples=window.gap_samples,
                frequency=frequency_of(window.samples, 16_000),
                level=window.level_dbfs,
                clock=window.clock,
                late_seconds=(time.time_ns() - window.end_ns) / 1e9,
            )
    capture.stop()
    tell(ended=capture.join(5))


def overflow(device: str, kept: str, away_seconds: str) -> None:
    """The blocks before and after nobody took any for a while, with room for only so many."""
    microphone.QUEUE_BLOCKS = int(kept)
    blocks = (block for block in microphone.MicrophoneSource(device).blocks() if len(block.samples))
    for index in range(20):
        block = next(blocks)
        tell(
            first=block.first_sample,
            samples=len(block.samples),
            rate=block.sample_rate,
            epoch=block.epoch,
            captured_ns=block.captured_ns,
            uncertainty_ns=block.clock_uncertainty_ns,
        )
        if index == 5:
            time.sleep(float(away_seconds))


def follow(device: str, options: str = "{}") -> None:
    """Listen for ever; tell each fault and try again as the supervisor does."""
    source = microphone.MicrophoneSource(device, **json.loads(options))
    while True:
        began, cpu = time.monotonic(), time.process_time()
        try:
            hear(source)
        except SourceError as error:
            spent = {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - cpu}
            tell(error=str(error), reason=error.reason, help=error.help, **spent)
        time.sleep(max(0.0, RETRY_SECONDS - (time.monotonic() - began)))


def hear(source: microphone.MicrophoneSource) -> None:
    """The tones of one opening, by tenths of a second, so that no other is missed."""
    for block in source.blocks():
        if np.any(block.samples):
            frequency = frequency_of(block.samples, block.sample_rate)
            tell(frequency=frequency, rate=block.sample_rate, facts=dict(source.facts))


def devices() -> None:
    """Everything that can be listened to."""
    for each in microphone.MicrophoneSource.devices():
        tell(
            write=each.stable, title=each.title, channels=each.channels, rate=each.sample_rate, default=each.is_default
        )


if __name__ == "__main__":
    logging.basicConfig()
    microphone.ROOT = Path(os.environ.get("MGCLD_TEST_ROOT", "/"))
    globals()[sys.argv[1]](*sys.argv[2:])
