"""Captions that a model writes: a Whisper that was tuned for captioning, or another speech-to-text network.

Any model that transformers loads by itself, with `AutoModelForSpeechSeq2Seq`, from the hub or a folder; code that comes
with a model is never run. Written for the layouts of these (mind their licences):

- MU-NLPC/whisper-{tiny,small,large-v2}-audio-captioning: CC BY-NC 4.0, so not for commercial use. They were trained on
  Clotho, AudioCaps and AudioSet, in styles that a prefix chooses: `prefix: "clotho > caption: "`.
- cahya/whisper-{tiny,base,small,large}-audio-captioning-v1.0 (Apache-2.0) and laion/sound-effect-captioning-whisper
  (see its card), which know no prefix.

Two that the literature uses are out of reach. WavCaps' HTSAT-BART, the paper's, is a pickle in a private drive, without
a licence and learned from recordings behind the benchmarks; AudioSetCaps' is the same network as a bare state dict.
transformers has no such class, and one of ours could not be checked without their files. And effb2-trm
(wsntxxn/effb2-trm-audiocaps-captioning, Apache-2.0) brings 2,000 lines of its own to run. What such models wrote
elsewhere can be used all the same: that is the captioner `file`.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import soxr
import torch

from mgcld.data import AudioFeatures, Window
from mgcld.errors import ConfigError
from mgcld.interfaces import Encoder

from .._batches import Batches
from .._device import chosen_device
from .._weights import located, sha256_of
from ._speech_to_text import FILES, OPTIONAL, SpeechToText


class GenerativeCaptioner:
    """Greedy or beam search, never sampling: the same window has the same caption."""

    def __init__(
        self,
        encoder: Encoder,
        model: str,
        revision: str | None = None,
        prefix: str = "",
        beams: int = 1,
        most_tokens: int = 40,
        batch: int = 8,
        device: str = "auto",
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ) -> None:
        """Load `model`: a model of the hub by its id, or a folder. `auto` is where the encoder runs.

        Raises:
            WeightsUnavailable: they are not here and cannot be fetched.
            CheckpointError: they are no such model, or damaged.
            ConfigError: a number is out of range.
            DeviceUnavailable: no such device on this machine.
            OutOfDeviceMemory: the device's memory does not hold the weights.
        """
        _check(batch=batch, beams=beams, most_tokens=most_tokens)
        chosen = chosen_device(encoder.device if device == "auto" else device)
        files = located(model, files=FILES, who="captioner generative", revision=revision, optional=OPTIONAL)
        self._write = SpeechToText(
            files[0].parent,
            device=chosen,
            dtype=getattr(torch, precision),
            beams=beams,
            most_tokens=most_tokens,
            prefix=prefix,
        )
        self._encoder_rate = encoder.sample_rate
        self._batches = Batches("captioner generative", batch)
        how = f"{beams} beam{'s' * (beams > 1)}, at most {most_tokens} tokens, after {prefix!r}"
        self.provenance = f"generative: weights {sha256_of(files[0])[:12]}, {how}"

    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> Sequence[str | None]:  # noqa: ARG002
        """One sentence a window; None where the model wrote nothing.

        Raises:
            OutOfDeviceMemory: the device's memory does not hold a single window.
        """
        samples = np.stack([window.samples for window in windows])
        if self._write.rate != self._encoder_rate:
            samples = soxr.resample(samples.T, self._encoder_rate, self._write.rate).T
        batches = self._batches(lambda rows: self._write(samples[rows]), len(samples))
        return [sentence or None for batch in batches for sentence in batch]


def _check(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ConfigError(f"captioner.{name}: {number} is not at least 1", help="leave it out for the default")
