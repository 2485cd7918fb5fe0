"""Recordings of everyday sounds by name, none trained on: `python -m train_mini.everyday CORPUS FOLDER`.

They are the clips of the corpus whose licences bar them from the training (share-alike, non-commercial, mixed,
unknown), under names that were given by hand (`everyday.yaml`), without near duplicates. The folder is one for
`mgcld eval`. Not for publishing.
"""

import argparse
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile
import yaml
from mgcld_plugins.encoders._mini_audio import SAMPLE_RATE

from . import clips
from .clips import Clip
from .licences import may_be_published
from .signals import WINDOW

NAMES = Path(__file__).with_name("everyday.yaml")
LEAST_SAMPLES, LEAST_RECORDINGS, MOST_RECORDINGS = 6_400, 4, 14
ALIKE = 0.97
"""Spectra with a larger correlation are taken for two cuts of one recording."""
BINS = 40_000
"""Of a spectrum of 2**17 samples, gathered by eights: up to 4.9 kHz."""


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path)
    wish = parser.parse_args()
    if wish.folder.exists():
        parser.error(f"{wish.folder} is there already: a second set in it would be a mixture")
    groups = everyday(wish.corpus)
    for name, group in groups.items():
        (wish.folder / name).mkdir(parents=True, exist_ok=True)
        for i, clip in enumerate(group):
            soundfile.write(wish.folder / name / f"{i}.wav", clip.samples[:WINDOW], SAMPLE_RATE)
    print(f"{sum(map(len, groups.values()))} recordings of {len(groups)} classes in {wish.folder}")


def everyday(corpus: Path) -> dict[str, list[Clip]]:
    """Clips by name, one of each recording and none that sounds like another, where a name has at least four."""
    patterns = {name: re.compile(pattern) for name, pattern in yaml.safe_load(NAMES.read_text()).items()}
    found: dict[str, dict[str, Clip]] = defaultdict(dict)
    for clip in clips.read([corpus], lambda row: not may_be_published(row["license"]) and row["text"] != ""):
        named = [name for name, pattern in patterns.items() if pattern.fullmatch(clip.text)]
        if named and len(clip.samples) >= LEAST_SAMPLES:
            found[named[0]].setdefault(clip.original, clip)
    random = np.random.default_rng(0)
    groups = {name: different(list(found[name].values()), random) for name in patterns}
    return {name: group for name, group in groups.items() if len(group) >= LEAST_RECORDINGS}


def different(group: list[Clip], random: np.random.Generator) -> list[Clip]:
    """Some of them, none nearly the same as another."""
    kept: list[Clip] = []
    spectra: list[np.ndarray] = []
    for i in random.permutation(len(group)):
        own = spectrum(group[i].samples[:WINDOW])
        if len(kept) < MOST_RECORDINGS and all(float(own @ other) < ALIKE for other in spectra):
            kept.append(group[i])
            spectra.append(own)
    return kept


def spectrum(samples: np.ndarray) -> np.ndarray:
    """Logarithmic, of unit length about its mean."""
    size = np.abs(np.fft.rfft(samples.astype(np.float32), 1 << 17))[:BINS].reshape(-1, 8).mean(1)
    rows = np.log(size + 1e-3 * size.max() + 1e-9)
    rows -= rows.mean()
    return np.asarray(rows / (np.linalg.norm(rows) + 1e-9))


if __name__ == "__main__":
    main()
