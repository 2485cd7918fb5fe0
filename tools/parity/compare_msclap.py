"""Runs where mgcld is installed: its `msclap` encoder on the reference's file, against what the reference said.

python compare_msclap.py FOLDER
"""

import sys
from pathlib import Path

import torch
from common import TEXTS, judged, sounds
from mgcld_plugins.encoders.msclap import MsClapEncoder
from safetensors.torch import load_file


def main(folder: Path) -> int:
    """Print how far apart they are; 1 when it is too far."""
    expected = load_file(folder / "expected.safetensors")
    encoder = MsClapEncoder(str(folder), device="cpu", coarse="native")
    clips = sounds(encoder.sample_rate, 5)
    heard = encoder.embed_audio(clips, torch.full((len(clips),), clips.shape[1]))
    assert heard.fine.shape == (len(clips), 21, 1024)
    return judged(
        "msclap 2022 against msclap 1.3.4",
        {
            "segments": (heard.fine, expected["segments"]),
            "clip": (heard.coarse, expected["clip"]),
            "text": (encoder.embed_text(TEXTS), expected["text"]),
        },
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
