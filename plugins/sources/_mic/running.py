"""A running stream of one of PortAudio's devices, and its errors in words."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mgcld.errors import SourceError

from . import portaudio
from .portaudio import Device

CLOSE_SECONDS = 1.0
"""A stream that takes longer to close is left to close when it can."""


@dataclass(frozen=True, slots=True)
class Order:
    """How to open a device."""

    device: Device
    channels: int
    sample_rate: int
    """Hertz."""
    block_seconds: float
    source: str | None = None
    """Where the device leads to a sound server: the server's source to hear."""


@contextlib.contextmanager
def opened(order: Order, callback: Callable[..., None]) -> Iterator[Any]:
    """A running input stream; `callback` gets samples, their seconds, and PortAudio's times and status.

    Raises:
        SourceError: the device cannot be opened.
    """
    with portaudio.lock:
        stream = _started(order, callback)
        portaudio.running.add(stream)
    try:
        yield stream
    finally:
        # It waits for a sound server that hangs; whoever listens shall learn that meanwhile.
        closer = threading.Thread(target=_close, args=(stream,), name="portaudio-close", daemon=True)
        closer.start()
        closer.join(CLOSE_SECONDS)


def _close(stream: Any) -> None:
    stream.close()
    portaudio.running.discard(stream)


def _started(order: Order, callback: Callable[..., None]) -> Any:
    sounddevice = portaudio.library()

    def hear(samples: Any, count: int, times: Any, status: Any) -> None:
        callback(samples, count / order.sample_rate, times, status)

    try:
        with _told(order):
            stream = sounddevice.InputStream(
                device=order.device.index,
                samplerate=order.sample_rate,
                channels=order.channels,
                blocksize=round(order.sample_rate * order.block_seconds),
                dtype="float32",
                latency="high",
                callback=hear,
            )
    except sounddevice.PortAudioError as error:
        raise _explained(order.device, error) from error
    try:
        stream.start()
    except sounddevice.PortAudioError as error:
        stream.close()
        raise _explained(order.device, error) from error
    return stream


@contextlib.contextmanager
def _told(order: Order) -> Iterator[None]:
    """What ALSA's plugins for PulseAudio and PipeWire can be told by the environment alone, while they open."""
    # Unasked, PulseAudio gives what a microphone hears in lumps of two seconds.
    told = {"PULSE_LATENCY_MSEC": str(round(1000 * order.block_seconds))}
    if order.source:
        told |= {"PULSE_SOURCE": order.source, "PIPEWIRE_NODE": order.source}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _explained(device: Device, error: Exception) -> SourceError:
    if portaudio.UNAVAILABLE in error.args:
        hint = "another program holds the device: end it, or name the sound server's source (see `mgcld devices`)"
        return SourceError(f"microphone {device.name}: in use", reason="refused", help=hint)
    hint = "look whether another program can record from it; `mgcld devices` lists what there is"
    return SourceError(f"microphone {device.name}: {error}", help=hint)
