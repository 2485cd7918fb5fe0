"""Runs one microphone in a process of its own, where PortAudio sees the test's devices; prints a JSON object a line.

`listen.py DEVICE SECONDS [blocks to keep] [seconds to look away]`
"""

import json
import sys
import time

from mgcld_plugins.sources import microphone
from tones import frequency_of

from mgcld.audio.capture import Capture
from mgcld.audio.inbox import Inbox
from mgcld.data import SourceStatus
from mgcld.errors import SourceError


def windows(device: str, seconds: float) -> None:
    """What a capture of the device tells and delivers, for so long."""
    inbox = Inbox(100)

    def tell(status: SourceStatus) -> None:
        print(json.dumps({"state": status.state, "reason": status.reason}), flush=True)

    capture = Capture(
        "mic",
        microphone.MicrophoneSource(device),
        sample_rate=16_000,
        window_seconds=0.5,
        hop_seconds=0.5,
        inbox=inbox,
        on_status=tell,
    )
    capture.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for window in inbox.take(9, 0.2):
            told = {
                "epoch": window.epoch,
                "first_sample": window.first_sample,
                "gap_samples": window.gap_samples,
                "frequency": frequency_of(window.samples, 16_000),
                "level": window.level_dbfs,
                "clock": window.clock,
                "late_seconds": (time.time_ns() - window.end_ns) / 1e9,
                "uncertainty_seconds": window.clock_uncertainty_ns / 1e9,
            }
            print(json.dumps(told), flush=True)
    capture.stop()
    print(json.dumps({"ended": capture.join(5)}), flush=True)


def overflow(device: str, kept: int, away_seconds: float) -> None:
    """The blocks before and after nobody took any for a while, with room for only so many."""
    microphone.QUEUE_BLOCKS = kept
    blocks = microphone.MicrophoneSource(device).blocks()
    for index in range(40):
        block = next(blocks)
        print(json.dumps([block.first_sample, len(block.samples), block.sample_rate, block.epoch]), flush=True)
        if index == 10:
            time.sleep(away_seconds)


if __name__ == "__main__":
    try:
        if len(sys.argv) > 3:
            overflow(sys.argv[1], int(sys.argv[3]), float(sys.argv[4]))
        else:
            windows(sys.argv[1], float(sys.argv[2]))
    except SourceError as error:
        print(json.dumps({"error": str(error), "reason": error.reason, "help": error.help}), flush=True)
