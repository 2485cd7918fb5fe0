"""Everything that can be listened to, under the names by which a configuration may wish for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from mgcld.errors import SourceError

from . import alsa, pulse
from .portaudio import Device

CHOOSE = "write one of the names that `mgcld devices` lists"
PLUG = "plug it in, or look for its name with `mgcld devices`; no other device is opened in its place"


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to listen to: an input of a card, a source of the sound server, or another device of PortAudio."""

    stable: str
    """What to write into a configuration."""
    device: Device
    """PortAudio's, through which it is opened."""
    channels: int
    """How many it has."""
    sample_rate: int
    """Its own (Hz), as far as it can be known before it is opened."""
    is_default: bool
    """The system's default input."""
    names: frozenset[str] = frozenset()
    """Its identities, in lower case: who writes one of these means this and nothing else."""
    card: alsa.Card | None = None
    source: pulse.Source | None = None
    """The sound server's, where it is opened through the server."""
    is_source: bool = False
    """It is one of the server's sources, not a device of PortAudio's own."""

    @property
    def through(self) -> str:
        """By what it is reached: the host API, or the sound server behind it."""
        return "sound server" if self.source else f"{self.device.host_api} {self.device.index}"

    @property
    def label(self) -> str:
        """For an error: what to write, and what it is."""
        return self.stable if self.title == self.stable else f"{self.stable} ({self.title})"

    @property
    def title(self) -> str:
        """What people call it."""
        return self.source.title if self.is_source and self.source else self.device.name

    @property
    def facts(self) -> dict[str, Any]:
        """For people, as JSON."""
        return {"device": self.stable, "name": self.device.name, "host_api": self.device.host_api}


def inputs(
    devices: Sequence[Device], cards: Mapping[int, alsa.Card], sources: Sequence[pulse.Source], default: str
) -> list[Input]:
    """What PortAudio, the kernel and the sound server know, put together; `default`: of the server's sources."""
    spoken_for = next((source for source in sources if source.name == default), None)
    found = [_of_device(device, devices, cards, spoken_for) for device in devices]
    doors = [device for door in pulse.DOORS for device in devices if device.name == door]
    if doors:
        found += [_of_source(source, doors[0], is_default=source is spoken_for) for source in sources]
    return found


def chosen(wish: str, known: Sequence[Input]) -> Input:
    """The one input that is meant: an identity, `default`, an index, or a part of PortAudio's name that no other has.

    Raises:
        SourceError: absent: none, or more than one.
    """
    found = _identified(wish, known) or _described(wish, [each for each in known if not each.is_source])
    if len(found) == 1:
        return found[0]
    there = "; ".join(each.label for each in found or known) or "none"
    if found:
        raise SourceError(f"{wish!r} may be several microphones: {there}", reason="absent", help=CHOOSE)
    raise SourceError(f"no microphone {wish!r}; there are: {there}", reason="absent", help=PLUG)


def is_identity(wish: str, input: Input) -> bool:
    """Whether the wish can mean no other device than this, today and tomorrow.

    The kernel's id is none of a USB device: the next one takes it over, often even one of another make.
    """
    id = input.card.id if input.card and input.card.usb.port else None
    return is_called(wish, input.names) and not (id and wish.partition(",")[0].casefold() == id.casefold())


def is_called(wish: str, names: frozenset[str]) -> bool:
    """Whether the wish is one of these names."""
    return (PurePosixPath(wish).name if wish.startswith("/dev/snd/") else wish).casefold() in names


def _identified(wish: str, known: Sequence[Input]) -> list[Input]:
    return [each for each in known if is_called(wish, each.names)]


def _described(wish: str, known: Sequence[Input]) -> list[Input]:
    if wish == "default":
        return [each for each in known if each.is_default]
    if wish.isdecimal():
        return [each for each in known if each.device.index == int(wish)]
    whole = [each for each in known if each.device.name == wish]
    return whole or [each for each in known if wish.casefold() in each.device.name.casefold()]


def _of_device(
    device: Device, devices: Sequence[Device], cards: Mapping[int, alsa.Card], default: pulse.Source | None
) -> Input:
    plain = Input(device.name, device, device.channels, device.sample_rate, device.is_default)
    if device.name in pulse.DOORS and default:
        return replace(plain, channels=len(default.channels), sample_rate=default.sample_rate, source=default)
    numbers = alsa.hardware(device.name)
    card = cards.get(numbers[0]) if numbers else None
    if numbers is None or card is None:
        return plain
    alone = sum((alsa.hardware(other.name) or (None,))[0] == numbers[0] for other in devices) == 1
    stable = card.stable if alone else f"{card.stable},{numbers[1]}"
    names = card.names | {f"{name},{numbers[1]}" for name in card.names}
    return replace(plain, stable=stable, names=names, card=card)


def _of_source(source: pulse.Source, door: Device, *, is_default: bool) -> Input:
    return Input(
        stable=source.name,
        device=door,
        channels=len(source.channels),
        sample_rate=source.sample_rate,
        is_default=is_default,
        names=frozenset({source.name.casefold()}),
        source=source,
        is_source=True,
    )
