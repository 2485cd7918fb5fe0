"""Windows in, features out: the same ear for training and for serving."""

from collections.abc import Sequence

import numpy as np
import torch

from mgcld.data import Features, Window
from mgcld.interfaces import Captioner, Encoder


class Listener:
    """An encoder and a captioner, used together."""

    def __init__(self, encoder: Encoder, captioner: Captioner) -> None:
        self.encoder = encoder
        self._captioner = captioner

    def __call__(self, windows: Sequence[Window]) -> Features:
        """Hear a batch of windows of one length (at least one)."""
        samples = torch.from_numpy(np.stack([window.samples for window in windows]))
        audio = self.encoder.embed_audio(samples, torch.tensor([window.valid_samples for window in windows]))
        captions = tuple(self._captioner.caption(samples, audio))
        # Without a caption the aligned audio stands in: same space, same scale (R_t := R_a).
        caption = torch.nn.functional.normalize(audio.coarse @ self.encoder.alignment, dim=-1)
        spoken = [i for i, sentence in enumerate(captions) if sentence is not None]
        if spoken:
            caption[spoken] = self.encoder.embed_text([sentence for sentence in captions if sentence is not None])
        return Features(audio, captions, caption)
