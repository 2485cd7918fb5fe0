"""More clips that may be published, made from packages: a folder of wav files with a manifest.

Instruments and effects from the FluidR3 sound fonts (MIT), synthetic speech by espeak-ng, the effects of Freedoom
(BSD), those of SuperTuxKart that are public domain, CC0 or CC BY, and OpenClonk's (CC BY 3.0, some CC0);
from npm the sounds of ion-sound (MIT).
"""

import argparse
import gzip
import io
import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from .extra_clips import Found, keep, manifest
from .extra_names import CLONK, FREEDOOM, KART, SENTENCES, VOICES
from .sound_font import effects, instruments


def main() -> None:
    """Write what is at hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--soundfont", type=Path, help="FluidR3_GM.sf2 (package fluid-soundfont-gm); needs fluidsynth")
    parser.add_argument("--effects-font", type=Path, help="FluidR3_GS.sf2 (package fluid-soundfont-gs)")
    parser.add_argument("--speech", action="store_true", help="needs espeak-ng")
    parser.add_argument("--freedoom", type=Path, help="freedoom2.wad (package freedoom)")
    parser.add_argument("--kart", type=Path, help="data/sfx of package supertuxkart-data")
    parser.add_argument("--clonk", type=Path, help="Sound.ocg of package openclonk-data")
    parser.add_argument("--ion", type=Path, help="folder sounds of the npm package ion-sound")
    wish = parser.parse_args()
    with manifest(wish.folder) as table:
        if wish.soundfont:
            keep(wish.folder, table, "MIT", instruments(wish.soundfont, wish.folder))
        if wish.effects_font:
            keep(wish.folder, table, "MIT", effects(wish.effects_font, wish.folder))
        if wish.speech:
            keep(wish.folder, table, "CC0-1.0", speech(wish.folder))
        if wish.freedoom:
            keep(wish.folder, table, "BSD-3-Clause", effects_of_freedoom(wish.freedoom.read_bytes()))
        if wish.clonk:
            keep(wish.folder, table, "CC-BY-3.0", effects_of_clonk(wish.clonk.read_bytes()))
        if wish.ion:
            keep(wish.folder, table, "MIT", effects_of_ion(wish.ion))
        for licence, names in KART.items():
            if wish.kart:
                keep(wish.folder, table, licence, effects_of_kart(wish.kart, names))


def speech(folder: Path) -> Iterator[Found]:
    """Every voice says two of the sentences."""
    wave = folder / "unfinished.wav"
    for number, (voice, text) in enumerate(VOICES.items()):
        for turn in range(2):
            words = SENTENCES[(2 * number + turn) % len(SENTENCES)]
            pace, pitch = str(130 + 17 * number % 90), str(20 + 13 * number % 70)
            subprocess.run(["espeak-ng", "-v", voice, "-s", pace, "-p", pitch, "-w", wave, words],
                           check=True, timeout=60)  # fmt: skip
            sound, rate = soundfile.read(wave, dtype="float32")
            yield "espeak-ng", f"{voice}/{turn}", text, sound, rate
    wave.unlink(missing_ok=True)


def effects_of_freedoom(wad: bytes) -> Iterator[Found]:
    """The lumps that start with DS: 8-bit samples behind a header of 8 bytes, padded by 16 at both ends."""
    lumps, directory = struct.unpack("<ii", wad[4:12])
    for number in range(lumps):
        start, size, raw = struct.unpack("<ii8s", wad[directory + 16 * number :][:16])
        name = raw.rstrip(b"\0").decode("latin-1")
        if not name.startswith("DS") or size <= 40:
            continue
        rate = struct.unpack("<H", wad[start + 2 : start + 4])[0]
        samples = np.frombuffer(wad[start + 24 : start + size - 16], np.uint8).astype(np.float32)
        yield "freedoom", name, FREEDOOM.get(name[2:], ""), (samples - 128) / 128, rate


def effects_of_kart(folder: Path, names: dict[str, str]) -> Iterator[Found]:
    """The files whose licence Debian's copyright file states."""
    for name, text in names.items():
        sound, rate = soundfile.read(folder / f"{name}.ogg", dtype="float32", always_2d=True)
        yield "supertuxkart-data", name, text, sound.mean(1), rate


def effects_of_ion(folder: Path) -> Iterator[Found]:
    """Its ogg files; the name says what it is."""
    for path in sorted(folder.glob("*.ogg")):
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        yield "ion-sound", path.stem, re.sub(r"_\d", "", path.stem).replace("_", " "), sound.mean(1), rate


def effects_of_clonk(packed: bytes) -> Iterator[Found]:
    """Every sound in the group; its folder and name say what it is."""
    for place, content in group(gzip.decompress(b"\x1f\x8b" + packed[2:])):
        if place.endswith((".wav", ".ogg")):
            sound, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
            words = re.findall(r"[A-Z]?[a-z]+", re.sub(r"\.(ocg|wav|ogg)|Loop|alt", "", place))
            known = [CLONK.get(word.lower(), word.lower()) for word in words]
            yield "openclonk-data", place, " ".join(dict.fromkeys(word for word in known if word)), sound.mean(1), rate


def group(content: bytes, folder: str = "") -> Iterator[tuple[str, bytes]]:
    """Paths and contents of a group file: a scrambled head of 204 bytes, entries of 316 bytes, then the contents."""
    head = bytearray(content[:204])
    head[0:201:3], head[2:203:3] = head[2:203:3], head[0:201:3]
    entries = struct.unpack("<i", bytes(byte ^ 237 for byte in head[36:40]))[0]
    for number in range(entries):
        raw, _, child, size, _, start = struct.unpack("<260s5i", content[204 + 316 * number :][:280])
        place = folder + raw.split(b"\0")[0].decode("latin-1")
        start += 204 + 316 * entries
        inner = content[start : start + size]
        yield from group(inner, f"{place}/") if child else [(place, inner)]


if __name__ == "__main__":
    main()
