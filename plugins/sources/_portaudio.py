"""PortAudio through sounddevice: its devices, a stream of one of them, and its errors in words."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mgcld.errors import SourceError

UNAVAILABLE = -9985
"""paDeviceUnavailable: another program holds the device."""

_lock = threading.Lock()
_open_streams = 0  # in this process, which has one PortAudio


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
    """Its own rate (Hz)."""
    is_default: bool
    """True for the system's default input."""


def devices() -> list[Device]:
    """Every device that has inputs.

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


@contextlib.contextmanager
def opened(wish: str, channels: int | None, block_seconds: float, callback: Callable[..., None]) -> Iterator[Any]:
    """A running input stream of the device that is wished for, at its own rate.

    Raises:
        SourceError: the device is absent or cannot be opened.
    """
    global _open_streams
    with _lock:
        stream = _started(wish, channels, block_seconds, callback)
        _open_streams += 1
    try:
        yield stream
    finally:
        stream.close()
        with _lock:
            _open_streams -= 1


def _started(wish: str, channels: int | None, block_seconds: float, callback: Callable[..., None]) -> Any:
    sounddevice = _library()
    if not _open_streams:
        # PortAudio learns of devices that came or went only here, and this would end every open stream.
        sounddevice._terminate()
        sounddevice._initialize()
    device = chosen(wish, devices())
    try:
        stream = sounddevice.InputStream(
            device=device.index,
            samplerate=device.sample_rate,
            channels=channels or min(device.channels, 2),
            blocksize=round(device.sample_rate * block_seconds),
            dtype="float32",
            latency="high",
            callback=callback,
        )
        stream.start()
    except sounddevice.PortAudioError as error:
        raise _explained(device, error) from error
    return stream


def chosen(wish: str, known: list[Device]) -> Device:
    """The one device that is meant: `default`, an index, its name, or a part of it that no other has.

    Raises:
        SourceError: none, or more than one.
    """
    if wish == "default":
        found = [device for device in known if device.is_default]
    elif wish.isdecimal():
        found = [device for device in known if device.index == int(wish)]
    else:
        found = [device for device in known if device.name == wish]
        found = found or [device for device in known if wish.casefold() in device.name.casefold()]
    if len(found) == 1:
        return found[0]
    there = "; ".join(f"{device.index}: {device.name}" for device in found or known) or "none"
    if found:
        raise SourceError(f"{wish!r} may be several devices: {there}", reason="absent", help="write more of its name")
    raise SourceError(
        f"no microphone {wish!r}; there are: {there}", reason="absent", help="plug it in, or see `mgcld devices`"
    )


def _explained(device: Device, error: Exception) -> SourceError:
    if UNAVAILABLE in error.args:
        hint = "another program holds the device: end it, or name the sound server's device"
        return SourceError(f"microphone {device.name}: in use", reason="refused", help=hint)
    return SourceError(f"microphone {device.name}: {error}", help="set `channels` to what the device has")


def _library() -> Any:
    try:
        import sounddevice
    except OSError as error:
        hint = "install PortAudio (Debian, Ubuntu: apt install libportaudio2)"
        raise SourceError(f"microphones need PortAudio: {error}", reason="absent", help=hint) from error
    return sounddevice
