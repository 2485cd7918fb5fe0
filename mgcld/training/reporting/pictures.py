"""Spectrograms of shots, as small pictures that a page can hold."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import torch
import torchaudio
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from mgcld.data import Window

SIZES = ((150, (240, 64)), (400, (160, 48)), (10**9, (96, 32)))
"""Up to so many pictures -> (columns, mel bands) of each: a page stays within a few megabytes."""
FLOOR_DB = 60.0
"""What lies so far below a recording's loudest spot is black."""
SHADES = 32
RAMP = ((0.0, (13, 11, 33)), (0.3, (82, 22, 108)), (0.55, (176, 42, 96)), (0.8, (244, 128, 54)), (1.0, (252, 240, 170)))
"""Dark blue, violet, red, orange, pale yellow: lightness only rises, so that it reads in grey too."""
FFT, STEP = 1024, 160
"""Samples of a spectrum, and between two."""


def size_for(count: int) -> tuple[int, int]:
    """(columns, bands) of each of so many pictures."""
    return next(size for most, size in SIZES if count <= most)


def spectrogram(windows: Sequence[Window], size: tuple[int, int]) -> str:
    """A data URI (PNG): what was heard of a recording, time to the right, pitch upwards."""
    samples = torch.from_numpy(np.concatenate([window.samples[: window.valid_samples] for window in windows]))
    image = Image.fromarray(shades(samples, windows[0].sample_rate, size), "P")
    image.putpalette(_palette())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def shades(samples: Tensor, sample_rate: int, size: tuple[int, int]) -> UInt8[np.ndarray, "bands columns"]:
    """Mel bands in decibels below the loudest spot, as numbers of shades, the highest band first."""
    columns, bands = size
    padded = torch.nn.functional.pad(samples, (0, max(0, FFT - len(samples))))
    power = torchaudio.transforms.MelSpectrogram(sample_rate, FFT, hop_length=STEP, n_mels=bands)(padded)
    pooled = torch.nn.functional.adaptive_avg_pool1d(power, columns)
    decibels = 10 * torch.log10(pooled / pooled.max().clamp_min(1e-20) + 1e-12)
    shade = ((1 + decibels / FLOOR_DB).clamp(0, 1) * (SHADES - 1)).round()
    flipped: UInt8[np.ndarray, "bands columns"] = shade.flip(0).to(torch.uint8).numpy()
    return flipped


def _palette() -> list[int]:
    where, colours = [at for at, _ in RAMP], np.array([colour for _, colour in RAMP])
    steps = np.linspace(0, 1, SHADES)
    channels = [np.interp(steps, where, colours[:, channel]).round() for channel in range(3)]
    return [int(value) for value in np.stack(channels, 1).flatten()]
