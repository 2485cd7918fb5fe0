"""What the sources that decode with FFmpeg (PyAV) share: samples as mono float, and errors in words.

PyAV's own log stays off (its default): FFmpeg would print to stderr, and with addresses in full.
"""

import errno
from fractions import Fraction
from typing import Any

import av
import numpy as np
from jaxtyping import Float32

from mgcld.errors import Reason

FULL_SCALE = {"u8": 2**7, "s16": 2**15, "s32": 2**31, "s64": 2**63}


def mono(frame: av.AudioFrame) -> Float32[np.ndarray, " samples"]:
    """The mean of a frame's channels, full scale ±1; floating point all the way where the decoder gives it."""
    samples: np.ndarray[Any, np.dtype[Any]] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    kind = frame.format.name.removesuffix("p")
    if kind == "u8":
        samples = samples.astype(np.int16) - 128
    if kind in FULL_SCALE:
        samples = np.multiply(samples, 1 / FULL_SCALE[kind], dtype=np.float32)
    heard: Float32[np.ndarray, " samples"] = samples.mean(axis=0, dtype=np.float32)
    return heard


def position(frame: av.AudioFrame) -> int | None:
    """A frame's time stamp, in samples at its rate; None where it has none."""
    place = position_seconds(frame)
    return None if place is None else round(place * frame.sample_rate)


def position_seconds(frame: av.AudioFrame) -> Fraction | None:
    """A frame's time stamp (seconds); None where it has none."""
    return seconds(frame.pts, frame.time_base)


def seconds(stamp: int | None, unit: Any) -> Fraction | None:
    """A time stamp in units of `unit` seconds, exactly: PyAV's own rational numbers overflow."""
    return None if stamp is None or unit is None else Fraction(stamp * unit.numerator, unit.denominator)


REASONS: dict[type[Exception], Reason] = {
    av.error.HTTPUnauthorizedError: "auth",
    av.error.HTTPForbiddenError: "auth",
    av.error.HTTPNotFoundError: "not_found",
    av.error.HTTPError: "refused",
    av.error.HTTPClientError: "refused",
    av.error.ConnectionRefusedError: "refused",
    av.error.ConnectionResetError: "ended",
    av.error.ConnectionAbortedError: "ended",
    av.error.BrokenPipeError: "ended",
    av.error.EOFError: "ended",
    av.error.TimeoutError: "timeout",
    av.error.ExitError: "timeout",  # PyAV's own deadline interrupts FFmpeg
    av.error.DecoderNotFoundError: "codec",
    av.error.PatchWelcomeError: "codec",
    av.error.InvalidDataError: "decode",
}

UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}


def reason_of(error: av.error.FFmpegError) -> Reason:
    """The reason for one of FFmpeg's errors, as far as its code tells."""
    if error.errno in UNREACHABLE:
        return "unreachable"
    return next((reason for kind, reason in REASONS.items() if isinstance(error, kind)), "unknown")


def said(error: av.error.FFmpegError) -> str:
    """FFmpeg's words for it, without the address that PyAV appends: it may hold a password."""
    if isinstance(error, av.error.ExitError):
        return "nothing comes"
    return str(error.strerror or type(error).__name__)
