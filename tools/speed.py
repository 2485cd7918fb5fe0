"""How long a window takes from samples to probabilities on the CPU: `python tools/speed.py ADAPTER`."""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from mgcld.assemble import build_recogniser
from mgcld.config import Part
from mgcld.data import Window
from mgcld.model.recogniser import Recogniser
from mgcld.service.pace import rss_bytes

REPEATS = 30


def main() -> None:
    """Median over 30 batches, in milliseconds a window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", type=Path)
    recogniser = build_recogniser(parser.parse_args().adapter, Part.model_validate({"type": "mini", "device": "cpu"}))
    random = np.random.default_rng(0)
    samples = round(recogniser.sample_rate * recogniser.window_seconds)
    sounds = [random.normal(0, 0.1, samples).astype(np.float32) for _ in range(8)]
    windows = [Window("", s, recogniser.sample_rate, 0, 0, 0, "file", 0, samples, 0, -20.0) for s in sounds]
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for batch in (1, 8):
            hear, judge = timed(recogniser, windows[:batch])
            each = f"encode {hear / batch:.1f} ms, adapt {judge / batch:.1f} ms a window"
            print(f"{threads} thread(s), batch {batch}: {each}")
    print(f"{len(recogniser.classes)} classes; the process holds {rss_bytes() / 1e6:.0f} MB")


def timed(recogniser: Recogniser, windows: list[Window]) -> tuple[float, float]:
    """Milliseconds to hear and to judge the batch."""
    hear, judge = [], []
    for _ in range(REPEATS):
        began = time.perf_counter()
        features = recogniser.hear(windows)
        heard = time.perf_counter()
        recogniser.judge(features, windows)
        hear.append(1000 * (heard - began))
        judge.append(1000 * (time.perf_counter() - heard))
    return statistics.median(hear), statistics.median(judge)


if __name__ == "__main__":
    main()
