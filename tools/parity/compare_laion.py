"""Runs where mgcld[laion] is installed: its `laion_clap` encoder against the package, and the same weights in `clap`.

python compare_laion.py FOLDER
"""

import math
import sys
from pathlib import Path

import torch
from common import LENGTHS, RATE, SENTENCES, TEXTS, judged, sounds
from converted import save_as_transformers
from mgcld_plugins.encoders.clap import ClapEncoder
from mgcld_plugins.encoders.laion_clap import LaionClapEncoder
from safetensors.torch import load_file
from torch import Tensor

from mgcld.interfaces import Encoder


def main(folder: Path) -> int:
    """Print how far apart they are; 1 when it is too far."""
    expected = load_file(folder / "expected.safetensors")
    checkpoint = folder / "checkpoint.pt"
    ours = LaionClapEncoder(str(checkpoint), device="cpu", coarse="native")
    package = judged("laion_clap against laion-clap 1.1.7", pairs(ours, expected, TEXTS, to_16_bits=False))
    save_as_transformers(checkpoint, folder / "tokenizer.json", folder / "transformers")
    other = ClapEncoder(str(folder / "transformers"), device="cpu", coarse="native")
    return package + judged(
        "clap (transformers) against laion-clap 1.1.7", pairs(other, expected, SENTENCES, to_16_bits=True)
    )


def pairs(
    encoder: Encoder, expected: dict[str, Tensor], texts: list[str], *, to_16_bits: bool
) -> dict[str, tuple[Tensor, Tensor]]:
    """What the encoder says and what the package said.

    The package rounds sounds to 16 bits and cuts texts behind 77 tokens; `clap` does neither (it reads 512).
    """
    made = {"text": (encoder.embed_text(texts), expected["text"][: len(texts)])}
    for seconds in LENGTHS:
        clips = sounds(RATE, seconds)
        clips = (clips.clamp(-1, 1) * 32767).short().float() / 32767 if to_16_bits else clips
        heard = encoder.embed_audio(clips, torch.full((len(clips),), clips.shape[1]))
        kept = expected[f"segments of {seconds} s"][:, : math.ceil(32 * seconds / 10)]
        made[f"segments of {seconds} s"] = (heard.fine, kept)
        made[f"clip of {seconds} s"] = (heard.coarse, expected[f"clip of {seconds} s"])
    return made


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
