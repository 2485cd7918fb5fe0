"""Generated sounds that mean nothing: noise, hum, clicks, a tone. What is near to all of them is near to anything."""

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

SECONDS = 5.0
LEVELS = (0.005, 0.05)
"""Root mean square, full scale is 1."""


def nothing(sample_rate: int) -> Float32[Tensor, "sounds samples"]:
    """Each sound at each level, the same at every call."""
    rng = np.random.default_rng(7)
    samples = round(SECONDS * sample_rate)
    seconds = np.arange(samples) / sample_rate
    hum = np.sum([np.sin(2 * np.pi * 50 * k * seconds) / k for k in range(1, 9)], axis=0)
    clicks = (rng.random(samples) < 2 / sample_rate).astype(float)
    clicks[0] = 1  # at least one
    tone = np.sin(2 * np.pi * 1000 * seconds)
    sounds = np.stack([*(_noise(rng, samples, slope) for slope in (0.0, 0.5, 1.0)), hum, clicks, tone])
    sounds /= np.sqrt(np.mean(sounds**2, axis=1, keepdims=True))
    levels = np.array(LEVELS)[:, None, None]
    return torch.from_numpy((levels * sounds).reshape(-1, samples).clip(-1, 1).astype(np.float32))


def _noise(rng: np.random.Generator, samples: int, slope: float) -> np.ndarray:
    """Its amplitude falls with frequency to the power of `slope`: white, pink, brown."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    return np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** slope, samples)
