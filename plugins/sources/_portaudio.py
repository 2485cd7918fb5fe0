"""PortAudio through sounddevice: its devices, their rates, a stream of one of them, its errors in words."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mgcld.errors import SourceError

UNAVAILABLE = -9985
"""paDeviceUnavailable: another program holds the device."""
RATES = (48_000, 44_100, 96_000, 192_000, 88_200, 176_400, 32_000, 24_000, 22_050, 16_000, 11_025, 8_000)
"""What devices have (Hz), the commonest first."""

CLOSE_SECONDS = 1.0
"""A stream that takes longer to close is left to close when it can."""

lock = threading.RLock()
"""Held while devices are listed or opened: a process has one PortAudio, and one environment."""
_running: set[Any] = set()  # streams that are not closed
_listing = ""  # the kernel's cards when PortAudio learned of them


@dataclass(frozen=True, slots=True)
class Device:
    """An input that PortAudio knows."""

    index: int
    """PortAudio's number; it changes when devices come and go."""
    name: str
    """What the system calls it."""
    host_api: str
    """The system's sound interface, as ALSA."""
    channels: int
    """How many inputs it has."""
    sample_rate: int
    """Its own rate, as PortAudio believes (Hz)."""
    is_default: bool
    """True for the system's default input."""


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


def devices() -> list[Device]:
    """Every device that has inputs, as PortAudio knew them at the last `rescan`.

    Raises:
        SourceError: PortAudio is not installed.
    """
    sounddevice = _library()
    hosts = [host["name"] for host in sounddevice.query_hostapis()]
    default = sounddevice.default.device["input"]
    return [
        Device(
            index=found["index"],
            name=found["name"],
            host_api=hosts[found["hostapi"]],
            channels=found["max_input_channels"],
            sample_rate=round(found["default_samplerate"]),
            is_default=found["index"] == default,
        )
        for found in sounddevice.query_devices()
        if found["max_input_channels"] > 0
    ]


def rescan(listing: str) -> None:
    """Let PortAudio learn of devices that came or went; `listing`: the kernel's cards now.

    Raises:
        SourceError: PortAudio is not installed; or an open stream, which this would end, forbids it, and cards have
            changed.
    """
    global _listing
    sounddevice = _library()
    with lock:
        if not _running:
            sounddevice._terminate()
            sounddevice._initialize()
            _listing = listing
    if listing != _listing:
        hint = "another microphone is open in the same process: listen to this one in a process of its own"
        raise SourceError("PortAudio does not know the sound cards of now", reason="absent", help=hint)


def rates_of(device: Device) -> tuple[int, ...]:
    """The rates (Hz) that the device takes, ascending; only its own where another program holds it."""
    sounddevice = _library()
    taken = {device.sample_rate}
    for rate in RATES:
        try:
            sounddevice.check_input_settings(device.index, channels=1, dtype="float32", samplerate=rate)
        except sounddevice.PortAudioError:
            continue
        taken.add(rate)
    return tuple(sorted(taken))


def rate_of(device: Device, channels: int, wishes: tuple[int, ...]) -> int | None:
    """The first of the wishes (Hz) that the device takes; what it says of itself may not be true. None: it takes none.

    A device that cannot be asked now, as another program holds it, is believed.
    """
    sounddevice = _library()
    for rate in wishes:
        try:
            sounddevice.check_input_settings(device.index, channels=channels, dtype="float32", samplerate=rate)
        except sounddevice.PortAudioError as error:
            if UNAVAILABLE not in error.args:
                continue
        return rate
    return None


@contextlib.contextmanager
def opened(order: Order, callback: Callable[..., None]) -> Iterator[Any]:
    """A running input stream; `callback` gets samples, their seconds, and PortAudio's times and status.

    Raises:
        SourceError: the device cannot be opened.
    """
    with lock:
        stream = _started(order, callback)
        _running.add(stream)
    try:
        yield stream
    finally:
        # It waits for a sound server that hangs; whoever listens shall learn that meanwhile.
        closer = threading.Thread(target=_close, args=(stream,), name="portaudio-close", daemon=True)
        closer.start()
        closer.join(CLOSE_SECONDS)


def _close(stream: Any) -> None:
    stream.close()
    _running.discard(stream)


def _started(order: Order, callback: Callable[..., None]) -> Any:
    sounddevice = _library()

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
    if UNAVAILABLE in error.args:
        hint = "another program holds the device: end it, or name the sound server's source (see `mgcld devices`)"
        return SourceError(f"microphone {device.name}: in use", reason="refused", help=hint)
    hint = "look whether another program can record from it; `mgcld devices` lists what there is"
    return SourceError(f"microphone {device.name}: {error}", help=hint)


def _library() -> Any:
    try:
        import sounddevice
    except OSError as error:
        hint = "install PortAudio (Debian, Ubuntu: apt install libportaudio2)"
        raise SourceError(f"microphones need PortAudio: {error}", reason="absent", help=hint) from error
    return sounddevice
