"""The kernel's sound cards, with every name by which a card is the same again after a reboot or in another order."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CARD = re.compile(r"^\s*(\d+) \[(\S+)\s*\]: \S+ - (.*)$", re.MULTILINE)
HARDWARE = re.compile(r"\(hw:(\d+),(\d+)\)")


@dataclass(frozen=True, slots=True)
class Usb:
    """What a USB device says of itself, and where it is plugged in; empty for other cards."""

    product: str = ""
    """Vendor and product, as `046d:0825`."""
    serial: str = ""
    """Many devices have none."""
    port: str = ""
    """Bus and ports, as `1-2.4`."""


@dataclass(frozen=True, slots=True)
class Card:
    """A sound card as it is plugged in now."""

    number: int
    """The kernel's; it changes when cards come and go."""
    id: str
    """The kernel's short name, made of the product's; cards of one kind get theirs in the order of coming."""
    title: str
    """The product's name."""
    usb: Usb
    stable: str
    """What to write into a configuration."""
    names: frozenset[str]
    """All that it can be called, in lower case: id, names in /dev/snd/by-id and by-path, USB port, product, serial."""

    def is_still(self, other: "Card | None") -> bool:
        """Whether the other, seen later, is this card in the same place."""
        return other is not None and (self.number, self.id, self.usb) == (other.number, other.id, other.usb)


def cards(root: Path) -> dict[int, Card]:
    """The cards that are there now, by number; `root` is `/`, or a folder that is laid out like it."""
    found = {int(number): (id, title.strip()) for number, id, title in CARD.findall(listing(root))}
    usb = {number: _usb(root, number) for number in found}
    by_id = {number: _links(root / "dev/snd/by-id", number) for number in found}
    by_path = {number: _links(root / "dev/snd/by-path", number) for number in found}
    return {
        number: Card(
            number,
            id,
            title,
            usb[number],
            _stable(number, usb, by_id, by_path) or id,
            frozenset(name.casefold() for name in (id, *_names(number, usb, by_id, by_path)) if name),
        )
        for number, (id, title) in found.items()
    }


def listing(root: Path) -> str:
    """What the kernel says of its cards, as text: cheap to read, and another when one comes or goes."""
    return _read(root / "proc/asound/cards")


def hardware(device_name: str) -> tuple[int, int] | None:
    """The numbers of card and device that PortAudio writes behind a name, as in `USB Audio (hw:1,0)`."""
    found = HARDWARE.search(device_name)
    return (int(found[1]), int(found[2])) if found else None


def held_by(root: Path, threads: set[int]) -> set[int]:
    """The numbers of the cards whose inputs one of these threads has opened."""
    return {number for number, owner in _owners(root) if owner in threads}


Links = Mapping[int, list[str]]


def _twins(number: int, usb: Mapping[int, Usb]) -> list[int]:
    """The cards, this one among them, that nothing but their port tells apart."""
    kind = usb[number].product, usb[number].serial
    return [other for other, its in usb.items() if (its.product, its.serial) == kind] if any(kind) else [number]


def _stable(number: int, usb: Mapping[int, Usb], by_id: Links, by_path: Links) -> str:
    if not usb[number].port:
        return ""
    # Without a serial number, another of its kind would take over the name in by-id.
    alone = usb[number].serial != "" and _twins(number, usb) == [number]
    lasting: list[str] = [*(by_id[number] if alone else ()), *by_path[number], usb[number].port]
    return lasting[0]


def _names(number: int, usb: Mapping[int, Usb], by_id: Links, by_path: Links) -> Iterator[str]:
    # Of twins, by-id names the one that came last: such a name may mean any of them.
    for twin in _twins(number, usb):
        yield from by_id[twin]
    yield from by_path[number]
    yield from (usb[number].product, usb[number].serial, usb[number].port)


def _links(folder: Path, number: int) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(link.name for link in folder.iterdir() if link.resolve().name == f"controlC{number}")


def _usb(root: Path, number: int) -> Usb:
    device = (root / f"sys/class/sound/card{number}/device").resolve()
    for folder in (device, *device.parents):
        if (folder / "idVendor").exists():
            product = f"{_read(folder / 'idVendor').strip()}:{_read(folder / 'idProduct').strip()}"
            return Usb(product, _read(folder / "serial").strip(), folder.name)
    return Usb()


def _owners(root: Path) -> Iterator[tuple[int, int]]:
    for status in (root / "proc/asound").glob("card[0-9]*/pcm*c/sub*/status"):
        owner = re.search(r"owner_pid\s*:\s*(\d+)", _read(status))
        if owner:
            yield int(status.parts[-4].removeprefix("card")), int(owner[1])


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # no such card, or it went while we looked
        return ""
