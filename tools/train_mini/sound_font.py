"""What sound fonts sound like: instruments, and the effects that come with them, played by fluidsynth."""

import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from .extra_clips import Found
from .extra_names import FONT_EFFECTS, FONT_KIT

DRUMS, KIT = 128, 56
"""The bank of drum kits, and the program of the kit that holds effects."""
DRUM_CHANNEL = 9


def instruments(font: Path, folder: Path) -> Iterator[Found]:
    """Each program of the font's first bank plays three phrases; each drum kit too."""
    for place, name in sorted(programs(font, folder).items()):
        bank, program = (int(part) for part in place.split("-"))
        if bank not in (0, DRUMS):
            continue
        channel, text = (DRUM_CHANNEL, "drum kit") if bank == DRUMS else (0, name.lower())
        for seed in range(3):
            midi = phrase(program, channel, np.random.default_rng([program, bank, seed]))
            yield "fluid-soundfont-gm", place, text, *played(font, midi, folder, 16_000)


def effects(font: Path, folder: Path) -> Iterator[Found]:
    """Each effect held once and in three short notes; those of the kit of effects.

    Raises:
        SystemExit: the font lacks some: fluidsynth would play something else instead.
    """
    lacking = {*FONT_EFFECTS, f"{DRUMS}-{KIT:03d}"} - {*programs(font, folder)}
    if lacking:
        raise SystemExit(f"{font} has no {', '.join(sorted(lacking))}: it is not FluidR3_GS.sf2")
    for place, text in FONT_EFFECTS.items():
        bank, program = (int(part) for part in place.split("-"))
        chosen = bytes([0, 0xB0, 0, bank, 0, 0xC0, program])
        for keys, ticks in (((60,), 4000), ((56, 60, 64), 1000)):
            yield "fluid-soundfont-gs", place, text, *played(font, notes(chosen, 0, keys, ticks), folder, 22_050)
    for key, text in FONT_KIT.items():
        chosen = bytes([0, 0xC0 | DRUM_CHANNEL, KIT])
        midi = notes(chosen, DRUM_CHANNEL, (key,), 2000)
        yield "fluid-soundfont-gs", f"{DRUMS}-{KIT}-{key}", text, *played(font, midi, folder, 22_050)


def programs(font: Path, folder: Path) -> dict[str, str]:
    """Names by bank and program (`000-123`)."""
    commands, wave = folder / "unfinished.txt", folder / "unfinished.wav"
    commands.write_text(f"load {font}\ninst 1\nquit\n")
    told = subprocess.run(["fluidsynth", "-n", "-a", "file", "-o", f"audio.file.name={wave}", "-f", commands],
                          capture_output=True, text=True, check=True, timeout=120).stdout  # fmt: skip
    commands.unlink()
    wave.unlink(missing_ok=True)
    return dict(line.split(" ", 1) for line in told.splitlines() if re.match(r"\d{3}-\d{3} ", line))


def played(font: Path, midi: bytes, folder: Path, rate: int) -> tuple[np.ndarray, int]:
    """The first six seconds of it."""
    score, wave = folder / "unfinished.midi", folder / "unfinished.wav"
    score.write_bytes(midi)
    subprocess.run(["fluidsynth", "-n", "-i", "-q", "-r", str(rate), "-F", wave, font, score],
                   check=True, timeout=120, capture_output=True)  # fmt: skip
    sound, rate = soundfile.read(wave, dtype="float32", always_2d=True)
    score.unlink()
    wave.unlink()
    return sound[: 6 * rate].mean(1), rate


def phrase(program: int, channel: int, random: np.random.Generator) -> bytes:
    """A MIDI file of about five seconds: notes or chords, slow or fast, high or low."""
    step, centre = int(random.choice([60, 120, 240, 480, 960])), int(random.integers(40, 80))
    track = bytes([0, 0xC0 | channel, program])
    for _ in range(max(1, 2400 // step)):
        low, high = (35, 82) if channel == DRUM_CHANNEL else (centre - 8, centre + 9)
        keys = sorted({int(key) for key in random.integers(low, high, int(random.integers(1, 4)))})
        loud = int(random.integers(60, 120))
        track += b"".join(bytes([0, 0x90 | channel, key, loud]) for key in keys)
        for i, key in enumerate(keys):
            track += (length(step) if i == 0 else b"\0") + bytes([0x80 | channel, key, 0])
    return score_of(track)


def notes(chosen: bytes, channel: int, keys: tuple[int, ...], ticks: int) -> bytes:
    """A MIDI file: each key for so long, one after the other, of the program that was `chosen`."""
    held = (bytes([0, 0x90 | channel, k, 110]) + length(ticks) + bytes([0x80 | channel, k, 0]) for k in keys)
    return score_of(chosen + b"".join(held))


def score_of(track: bytes) -> bytes:
    """The MIDI file of one track."""
    track += b"\0\xff\x2f\0"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(track)) + track


def length(ticks: int) -> bytes:
    """A MIDI duration below 16384 ticks."""
    return bytes([0x80 | ticks >> 7, ticks & 0x7F]) if ticks > 0x7F else bytes([ticks])
