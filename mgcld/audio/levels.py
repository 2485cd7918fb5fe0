"""How loud a window is, and whether something is plainly wrong with it."""

import math

import numpy as np
from jaxtyping import Float, Float32

from mgcld.data import Flag

SILENT_PEAK = 1e-4
"""-80 dBFS: quieter than any microphone's own noise, so nothing is connected, or it is muted."""
FULL_SCALE = 0.98
"""The largest code of G.711 decodes to 0.980 (µ-law) or 0.984 (A-law); a clipped sample of any codec lies above."""
CLIPPED_SAMPLES = 10
"""So many samples at full scale are distortion; one or two may be a recording normalised to its peak."""


def rms(samples: Float[np.ndarray, " samples"]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def level_dbfs(samples: Float32[np.ndarray, " samples"]) -> float | None:
    """Root mean square in dB relative to full scale (a square wave of ±1 is 0); None is digital silence."""
    if not samples.any():
        return None
    return 10 * math.log10(float(np.mean(np.square(samples, dtype=np.float64))))


def peak_dbfs(samples: Float32[np.ndarray, " samples"]) -> float | None:
    """The largest sample in dB relative to full scale (±1 is 0); None is digital silence."""
    if not samples.any():
        return None
    return 20 * math.log10(float(np.abs(samples).max()))


def flags(samples: Float32[np.ndarray, " samples"]) -> frozenset[Flag]:
    """`silent` where the samples keep within `SILENT_PEAK` of a constant, `clipped` where many are at full scale."""
    found: set[Flag] = set()
    # Peak to peak: silence in A-law is a constant of 8/32768, not 0.
    if not len(samples) or float(samples.max()) - float(samples.min()) < 2 * SILENT_PEAK:
        found.add("silent")
    if np.count_nonzero(np.abs(samples) >= FULL_SCALE) >= CLIPPED_SAMPLES:
        found.add("clipped")
    return frozenset(found)
