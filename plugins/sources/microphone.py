"""A microphone, or any input that PortAudio knows: at the device's own rate, with the time of its converter."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mgcld.data import AudioBlock
from mgcld.errors import ConfigError, SourceError

from ._mic import alsa, inputs, opening, portaudio, pulse
from ._mic.ear import Chunk, Ear
from ._mic.finder import BACK, Finder
from ._mic.layout import Mix, checked
from ._mic.line import Line

ROOT = Path("/")
"""Where the kernel shows its sound cards, in proc, sys and dev."""
BLOCK_SECONDS = 0.1
QUEUE_BLOCKS = 50
"""Five seconds wait at most; what comes then is lost, and becomes a gap."""
STEP_SECONDS = 0.5
"""After so long without sound an empty block tells that we live."""
FIRST_SECONDS = 8.0
"""A device may take so long from its opening to its first sound."""
SILENCE_SECONDS = 3.0
"""Neither PortAudio nor the system always notices that a device is gone: one that delivers nothing for so long is."""
SLOW = "the machine was suspended, or has too much to do"
RATES = (1_000, 1_000_000)
"""A wish outside (Hz) is a slip of the pen."""

logger = logging.getLogger(__name__)


class MicrophoneSource:
    """Listens to one device, and never to another in its stead.

    An identity (see `device`) is looked up anew at each opening. Any other wish means, once it was opened, that device
    for as long as this object lives: `default` does not follow the system's settings, nor does an index or a part of a
    name wander to another device when the first is away.
    """

    live = True

    def __init__(
        self,
        device: str = "default",
        channels: int | None = None,
        mix: Mix = "mean",
        sample_rate: int | None = None,
    ) -> None:
        """Opens nothing yet.

        `device`: an identity as `mgcld devices` shows it: an id of ALSA, a name in /dev/snd/by-id or by-path, a USB
        port (`1-2`), product (`046d:0825`) or serial number, a source's name of PulseAudio or PipeWire; `,1` behind a
        card's takes its second device. Or `default`, an index, or a part of PortAudio's name that no other device has.

        `channels`: how many to open; without it one or two, as the device has. `mix`: which of them are heard, as their
        mean: `mean` is all, else one number or a list, from 1. `sample_rate`: Hertz; without it the device's own.

        Raises:
            ConfigError: no device can have such channels, or such a rate.
        """
        if sample_rate is not None and not RATES[0] <= sample_rate <= RATES[1]:
            raise ConfigError(f"sample_rate cannot be {sample_rate}", help="leave it out: the device's own is taken")
        self._wanted = opening.Wanted(channels, checked(channels, mix), sample_rate, BLOCK_SECONDS)
        self._finder = Finder(device, ROOT)
        self._device = device
        self._facts: Mapping[str, Any] = {}

    @classmethod
    def from_address(cls, address: str) -> dict[str, Any]:
        """`microphone:default`, `microphone:Snowball`, `microphone:1-2`; nothing behind the colon is the default."""
        return {"device": address.partition(":")[2].strip() or "default"}

    @staticmethod
    def devices() -> list[inputs.Input]:
        """Everything that can be listened to.

        Raises:
            SourceError: PortAudio is not installed.
        """
        devices = portaudio.devices()
        server = pulse.server()
        if server is None:
            return inputs.inputs(devices, alsa.cards(ROOT), [], "")
        try:
            return inputs.inputs(devices, alsa.cards(ROOT), server.sources(), server.default())
        except pulse.ServerGone as error:
            raise SourceError("the sound server does not answer", help="restart it") from error
        finally:
            server.close()

    @staticmethod
    def rates(device: inputs.Input) -> tuple[int, ...]:
        """The rates (Hz) at which it can be opened as it is; a sound server would convert to any other."""
        return (device.sample_rate,) if device.source else portaudio.rates_of(device.device)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was opened last.

        `device` (what to write to mean just this one), `name`, `host_api`, `sample_rate` (Hz), `channels`, `mix` (those
        that are heard, from 1), `latency_seconds`.
        """
        return self._facts

    def blocks(self) -> Iterator[AudioBlock]:
        """Open the device, then yield until it fails; an empty block tells that nothing has come yet.

        Where blocks are not taken in time `first_sample` jumps by what was lost. Where PortAudio itself lost samples
        nobody counted them: a new epoch begins, and `captured_ns` on both sides tells how many they were, as far as
        `clock_uncertainty_ns` allows. Where a sound server lost them it does not say at which place: an error.

        Raises:
            SourceError: the device is absent, in use, does not take what is wanted, or falls silent.
        """
        ear = Ear(QUEUE_BLOCKS)
        with opening.opened(self._finder, self._wanted, ROOT, ear.hear) as line:
            self._opened(line)
            chunk, waited, patience = None, 0.0, FIRST_SECONDS
            while True:
                new = ear.next(STEP_SECONDS)
                line.check()
                if new is None:
                    waited += STEP_SECONDS  # by no clock: one that was suspended with us would count that too
                    if waited >= patience or not line.active:
                        raise _silent(line, patience)
                    yield _nothing_after(chunk, line)
                elif line.has_lost(new):
                    raise SourceError(f"microphone {line.name}: sound was lost on its way", reason="slow", help=SLOW)
                else:
                    chunk, waited, patience = new, 0.0, SILENCE_SECONDS
                    yield _block(new, line)

    def _opened(self, line: Line) -> None:
        self._facts = line.facts
        if line.narrowed and self._device != "default":
            logger.warning(
                "device %r may mean another one after a restart: to mean this one for ever write %r",
                self._device,
                line.name,
            )


def _block(chunk: Chunk, line: Line) -> AudioBlock:
    captured_ns, clock, uncertainty_ns = chunk.captured(line.sample_rate, line.latency, converter=line.converter)
    samples = line.layout.mixed(chunk.samples)
    return AudioBlock(
        samples, line.sample_rate, chunk.first_sample, captured_ns, clock, uncertainty_ns, epoch=chunk.epoch
    )


def _nothing_after(chunk: Chunk | None, line: Line) -> AudioBlock:
    following = chunk.first_sample + len(chunk.samples) if chunk else 0
    epoch = chunk.epoch if chunk else 0
    return AudioBlock(np.zeros(0, np.float32), line.sample_rate, following, time.time_ns(), epoch=epoch)


def _silent(line: Line, seconds: float) -> SourceError:
    if not line.active:
        return SourceError(f"microphone {line.name} has stopped", reason="ended", help=BACK)
    return SourceError(f"microphone {line.name} delivers nothing for {seconds:.0f} s", reason="timeout", help=BACK)
