"""A small tree as Linux shows sound cards in /proc, /sys and /dev, from which cards are unplugged and come back."""

import shutil
from pathlib import Path


class SoundCards:
    """Plays the kernel and udev for the tree under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lines: dict[int, str] = {}
        for folder in ("proc/asound", "sys/class/sound", "dev/snd/by-id", "dev/snd/by-path"):
            (root / folder).mkdir(parents=True)
        self._list()

    def plug(
        self, number: int, id: str, title: str, port: str = "", product: str = "", serial: str = "", by_id: str = ""
    ) -> None:
        """`port`: of USB, as 1-2.4; `product`: as 046d:0825; `by_id`: the name that udev makes of what it says."""
        device = self.root / "sys/devices/pci0000:00/0000:00:1f.3"
        if port:
            usb = self.root / "sys/devices/pci0000:00/0000:00:14.0/usb1" / port
            usb.mkdir(parents=True)
            for name, value in zip(("idVendor", "idProduct"), product.split(":"), strict=True):
                (usb / name).write_text(f"{value}\n")
            if serial:
                (usb / "serial").write_text(f"{serial}\n")
            device = usb / f"{port}:1.0"
        self._wire(number, device)
        driver = "USB-Audio" if port else "HDA-Intel"
        self._lines[number] = f"{number:2d} [{id:15s}]: {driver} - {title}\n{'':22}{title} somewhere\n"
        (self.root / f"proc/asound/card{number}").mkdir()
        self._link("by-path", f"pci-0000:00:14.0-usb-0:{port[2:]}:1.0" if port else "pci-0000:00:1f.3", number)
        if by_id:
            self._link("by-id", by_id, number)
        self._list()

    def unplug(self, number: int) -> None:
        device = (self.root / f"sys/class/sound/card{number}/device").resolve()
        shutil.rmtree(device.parent if device.name.endswith(":1.0") else device)
        (self.root / f"sys/class/sound/card{number}").unlink()
        shutil.rmtree(self.root / f"proc/asound/card{number}")
        control = self.root / f"dev/snd/controlC{number}"
        for link in (self.root / "dev/snd").glob("by-*/*"):
            if link.resolve() == control.resolve():
                link.unlink()
        control.unlink()
        del self._lines[number]
        self._list()

    def hold(self, number: int, thread: int) -> None:
        """A thread opens the card's input."""
        status = self.root / f"proc/asound/card{number}/pcm0c/sub0/status"
        status.parent.mkdir(parents=True)
        status.write_text(f"state: RUNNING\nowner_pid   : {thread}\ntrigger_time: 1.5\n")

    def _wire(self, number: int, device: Path) -> None:
        card = device / "sound" / f"card{number}"
        card.mkdir(parents=True)
        (card / "device").symlink_to("../..")
        (self.root / f"sys/class/sound/card{number}").symlink_to(card)
        (self.root / f"dev/snd/controlC{number}").touch()

    def _link(self, folder: str, name: str, number: int) -> None:
        link = self.root / "dev/snd" / folder / name
        link.unlink(missing_ok=True)  # as udev does: the newest takes the name
        link.symlink_to(f"../controlC{number}")

    def _list(self) -> None:
        text = "".join(line for _, line in sorted(self._lines.items()))
        (self.root / "proc/asound/cards").write_text(text or "--- no soundcards ---\n")
