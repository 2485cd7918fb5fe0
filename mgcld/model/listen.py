"""Windows in, features out: the same ear for training and for serving."""

import time
from collections.abc import Sequence

import numpy as np
import torch

from mgcld.data import AudioFeatures, Features, Window
from mgcld.interfaces import Captioner, Encoder
from mgcld.model.captions import Deadline, Memory, Said


class Listener:
    """An encoder and a captioner, used together."""

    def __init__(self, encoder: Encoder, captioner: Captioner, deadline: Deadline | None = None) -> None:
        """With a deadline, for streams, a window may go without a caption of its own; in training none does."""
        self.encoder = encoder
        self.captioner = captioner
        self._deadline = deadline
        self._memory = Memory()

    def __call__(self, windows: Sequence[Window]) -> Features:
        """Hear a batch of windows of one length (at least one)."""
        samples = torch.from_numpy(np.stack([window.samples for window in windows]))
        audio = self.encoder.embed_audio(samples, torch.tensor([window.valid_samples for window in windows]))
        # Without a caption the aligned audio stands in: same space, same scale (R_t := R_a).
        caption = torch.nn.functional.normalize(audio.coarse @ self.encoder.alignment, dim=-1)
        said = self._said(windows, audio) if self._deadline is None else self._in_time(windows, audio, self._deadline)
        for row, one in zip(caption, said, strict=True):
            if one.embedded is not None:
                row.copy_(one.embedded)
        return Features(audio, tuple(one.sentence for one in said), caption, tuple(one.fresh for one in said))

    @property
    def skipped_captions(self) -> int:
        """Windows that got no caption of their own because there was no time, so far."""
        return self._deadline.skipped if self._deadline else 0

    def caption(self, windows: Sequence[Window], audio: AudioFeatures) -> None:
        """Have each window captioned, whatever time it takes: to try the captioner out."""
        self._said(windows, audio)

    def forget(self, source: str) -> None:
        """There is no such source any more."""
        self._memory.forget(source)
        if self._deadline is not None:
            self._deadline.forget(source)

    def _said(self, windows: Sequence[Window], audio: AudioFeatures) -> list[Said]:
        sentences = list(self.captioner.caption(windows, audio))
        spoken = [sentence for sentence in sentences if sentence is not None]
        rows = iter(self.encoder.embed_text(spoken)) if spoken else iter(())
        return [Said(sentence, None if sentence is None else next(rows)) for sentence in sentences]

    def _in_time(self, windows: Sequence[Window], audio: AudioFeatures, deadline: Deadline) -> list[Said]:
        chosen = deadline.chosen(windows)
        if not chosen:
            return self._memory.completed(windows, {})
        if audio.coarse.is_cuda:
            torch.cuda.synchronize(audio.coarse.device)  # else the captioner waits for the encoder, on its own account
        began = time.monotonic()
        new = self._said([windows[i] for i in chosen], _rows(audio, chosen))
        deadline.took(len(chosen), time.monotonic() - began)
        return self._memory.completed(windows, dict(zip(chosen, new, strict=True)))


def _rows(audio: AudioFeatures, chosen: Sequence[int]) -> AudioFeatures:
    """The features of some windows only."""
    rows = list(chosen)
    tags = None if audio.tags is None else audio.tags[rows]
    return AudioFeatures(audio.fine[rows], audio.weights[rows], audio.coarse[rows], tags)
