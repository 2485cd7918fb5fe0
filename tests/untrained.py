"""A small true adapter for tests of what surrounds it: three plain sounds, one shot each, not trained at all."""

import numpy as np
import torch
from mgcld_plugins.captioners.none import NoCaptioner
from mgcld_plugins.encoders.mini import MiniEncoder

from mgcld.data import Flag, Window
from mgcld.model.adapter import Adapter, Provenance
from mgcld.model.calibration import Calibration
from mgcld.model.contrast import Explanations, Fusion
from mgcld.model.head import head_of
from mgcld.model.listen import Listener
from mgcld.model.options import MGCL_PLUS
from mgcld.model.parts import query_of, similarities


def window(kind: int, *flags: Flag, valid: int = 80_000) -> Window:
    """A tone, a noise, or knocks."""
    t = np.arange(80_000) / 16_000
    rng = np.random.default_rng(kind)
    sounds = [np.sin(2 * np.pi * 700 * t), rng.normal(size=80_000), rng.normal(size=80_000) * np.exp(-30 * (t % 0.5))]
    samples = (0.2 * sounds[kind]).astype(np.float32)
    samples[valid:] = 0
    return Window("test", samples, 16_000, 0, 0, 0, "file", 0, valid, None, -20.0, frozenset(flags))


def trained(encoder: MiniEncoder) -> Adapter:
    """Three classes with one shot each, not trained at all."""
    listener = Listener(encoder, NoCaptioner(encoder))
    support, caption = query_of(listener([window(kind) for kind in range(3)]), MGCL_PLUS)
    sentences = (("a tone",), ("white noise",), ("knocking",))
    rows = torch.stack([encoder.embed_text(list(each)) for each in sentences])
    explained = Explanations(rows, torch.ones(3, 1))
    fusion = Fusion(*encoder.alignment.shape).align(encoder.alignment, 0.5).requires_grad_(False)
    own = similarities(support, support, MGCL_PLUS)
    return Adapter(
        classes=("tone", "noise", "knocks"),
        keys=support,
        background=None,
        head=head_of(fusion, explained, support, caption, torch.eye(3), own, MGCL_PLUS),
        sentences=sentences,
        calibration=Calibration(8.0, 0.6, 0.05),
        thresholds=(0.5,) * 3,
        provenance=Provenance("mini", encoder.weights_hash, "none", 5.0, "0.1.0"),
    )
