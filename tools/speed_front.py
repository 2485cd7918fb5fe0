"""How much faster CLAP's front end is than transformers' extractor, on one core: `python tools/speed_front.py`."""

import time
from collections.abc import Callable

import numpy as np
import torch
from mgcld_plugins.encoders._clap_front import ClapFront
from transformers import ClapFeatureExtractor

REPEATS = 40
WINDOWS = 4


def main() -> None:
    """Least milliseconds a window of both, taken in turn: what other processes of the machine cost is left out."""
    torch.set_num_threads(1)
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc", padding="repeatpad")
    front = ClapFront(extractor)
    for seconds in (3.0, 5.0, 10.0):
        random = np.random.default_rng(0)
        sounds = random.normal(0, 0.1, (WINDOWS, round(seconds * 48_000))).astype(np.float32)
        tensor = torch.from_numpy(sounds)
        pairs = [(taken(reference, extractor, sounds), taken(front, tensor)) for _ in range(REPEATS)]
        theirs, ours = (min(each) for each in zip(*pairs, strict=True))
        off = (front(tensor) - reference(extractor, sounds)).abs().max()
        print(
            f"windows of {seconds:g} s: theirs {theirs:.1f} ms, ours {ours:.2f} ms, {theirs / ours:.1f} times as fast; "
            f"at most {off:.0e} dB off"
        )


def taken(run: Callable[..., object], *arguments: object) -> float:
    """Milliseconds of processor time a window."""
    began = time.thread_time()
    run(*arguments)
    return 1000 * (time.thread_time() - began) / WINDOWS


def reference(extractor: ClapFeatureExtractor, sounds: np.ndarray) -> torch.Tensor:
    """What the extractor makes of the windows."""
    levels: torch.Tensor = extractor(list(sounds), sampling_rate=48_000, return_tensors="pt")["input_features"]
    return levels[:, 0]


if __name__ == "__main__":
    main()
