"""PortAudio through sounddevice: its devices, and the rates that they take."""

import threading
from dataclasses import dataclass
from typing import Any

from mgcld.errors import SourceError

UNAVAILABLE = -9985
"""paDeviceUnavailable: another program holds the device."""
RATES = (48_000, 44_100, 96_000, 192_000, 88_200, 176_400, 32_000, 24_000, 22_050, 16_000, 11_025, 8_000)
"""What devices have (Hz), the commonest first."""

lock = threading.RLock()
"""Held while devices are listed or opened: a process has one PortAudio, and one environment."""
running: set[Any] = set()
"""Streams that are not closed."""
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


def devices() -> list[Device]:
    """Every device that has inputs, as PortAudio knew them at the last `rescan`.

    Raises:
        SourceError: PortAudio is not installed.
    """
    sounddevice = library()
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
        SourceError: PortAudio is not installed; or `crashed`, as cards have changed, and a stream that does not close
            forbids to look.
    """
    global _listing
    sounddevice = library()
    with lock:
        if not running:
            sounddevice._terminate()
            sounddevice._initialize()
            _listing = listing
    if listing != _listing:
        hint = "it is looked for again in a new process"
        raise SourceError("PortAudio does not let go of what it had opened", reason="crashed", help=hint)


def rates_of(device: Device) -> tuple[int, ...]:
    """The rates (Hz) that the device takes, ascending; only its own where another program holds it."""
    sounddevice = library()
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
    sounddevice = library()
    for rate in wishes:
        try:
            sounddevice.check_input_settings(device.index, channels=channels, dtype="float32", samplerate=rate)
        except sounddevice.PortAudioError as error:
            if UNAVAILABLE not in error.args:
                continue
        return rate
    return None


def library() -> Any:
    """Sounddevice.

    Raises:
        SourceError: PortAudio is not installed.
    """
    try:
        import sounddevice
    except OSError as error:
        hint = "install PortAudio (Debian, Ubuntu: apt install libportaudio2)"
        raise SourceError(f"microphones need PortAudio: {error}", reason="absent", help=hint) from error
    return sounddevice
