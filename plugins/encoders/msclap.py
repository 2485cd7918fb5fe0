"""`msclap`, MS-CLAP 2022 (CNN14 and BERT): 44.1 kHz, segments of 0.2322 s, 1024 dimensions for audio and text.

The 2023 model (HTSAT and GPT-2) is refused. It would be a second encoder: clips of 7 s, cut into segments another way,
a front end of its own (mel bands meant for 32 kHz under sound of 44.1 kHz), and tensors renamed one by one for
transformers' HTSAT. The encoder `clap` offers that audio network, with weights of LAION.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mgcld.data import AudioFeatures, Checkpoint
from mgcld.errors import ConfigError

from .._batches import Batches, placed
from .._device import Precision, chosen_device, computing
from .._weights import cached, fetching, located
from ._cnn14 import SAMPLE_RATE, SEGMENT_SAMPLES, pooled
from ._identity import hash_of, named
from ._known import known_here, revision_of
from ._msclap_net import load
from ._tokenizer import FILE as WORDS
from ._tokenizer import Tokens, words_of

MODEL, WEIGHTS = "microsoft/msclap", "CLAP_weights_2022.pth"
KNOWN = (
    Checkpoint(
        model=MODEL,
        licence="MS-PL",
        sample_rate=SAMPLE_RATE,
        segment_seconds=SEGMENT_SAMPLES / SAMPLE_RATE,
        megabytes=2330,
        revision="c47d441165daa21986ead0850660917636a81775",
    ),
)
TOKENIZER = "google-bert/bert-base-uncased"
CLIP_SAMPLES = 5 * SAMPLE_RATE
"""What the network was trained on; shorter sounds are repeated to this."""
LONGEST_TEXT = 100
"""Tokens."""
WINDOWS_AT_ONCE, TEXTS_AT_ONCE = 32, 64


class MsClapEncoder:
    """Everything that `mgcld.interfaces.Encoder` promises; segments as the paper's R_a^f, coarse as its R_a^c."""

    sample_rate = SAMPLE_RATE
    segment_seconds = SEGMENT_SAMPLES / SAMPLE_RATE
    tag_names: Sequence[str] = ()

    def __init__(
        self,
        model: str = MODEL,
        version: int = 2022,
        tokenizer: str | None = None,
        device: str = "auto",
        precision: Precision = "float32",
        coarse: Literal["mean", "native"] = "mean",
    ) -> None:
        """Load the weights.

        `model` is a hub id, or a file or folder with the weights. `tokenizer` is a hub id, or a file or folder with
        bert-base-uncased's tokenizer.json; without it, the one beside the weights is taken, else the hub's.

        Raises:
            WeightsUnavailable: weights or tokenizer are not here and cannot be fetched.
            CheckpointError: they are not MS-CLAP 2022's.
            DeviceUnavailable: no such device on this machine, or it does not compute so.
            OutOfDeviceMemory: it does not hold the weights.
            ConfigError: another version.
        """
        if version != 2022:
            raise ConfigError(
                f"msclap: version {version} is not offered, only 2022", help="the encoder clap offers HTSAT networks"
            )
        self.name = named("msclap", model, coarse=coarse, tokenizer=tokenizer)
        self._device = chosen_device(device)
        self._computing = computing(self._device, precision)
        weights = located(model, files=[WEIGHTS], who="msclap", revision=revision_of(KNOWN, model), size="2.3 GB")[0]
        words = words_of(tokenizer, weights, else_from=TOKENIZER, who="msclap")
        self.weights_hash = hash_of(weights, coarse)
        self._net = placed(load(weights), self._device, "msclap")
        table = self._net.caption_encoder.base.get_input_embeddings()
        self._tokens = Tokens(words, words=table.num_embeddings, longest=LONGEST_TEXT)
        self.audio_dim = self.text_dim = self._net.audio_encoder.projection.layer_norm.normalized_shape[0]
        self._alignment = torch.eye(self.audio_dim, device=self._device)
        self._coarse = coarse
        self._windows, self._texts = Batches("msclap", WINDOWS_AT_ONCE), Batches("msclap", TEXTS_AT_ONCE)

    @classmethod
    def checkpoints(cls) -> Sequence[Checkpoint]:
        """The published one, and whether it and its tokenizer are on this machine. Nothing is loaded."""
        readable, words = cached(TOKENIZER, [WORDS]) is not None, fetching(TOKENIZER, [WORDS])
        return [
            replace(known, here=known.here and readable, fetch=f"{known.fetch} && {words}")
            for known in known_here(KNOWN, [WEIGHTS])
        ]

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda:0`."""
        return str(self._device)

    @property
    def alignment(self) -> Float[Tensor, "joint joint"]:
        """The identity: audio and text share their space."""
        return self._alignment

    @torch.no_grad()
    def embed_audio(
        self, samples: Float[Tensor, "batch samples"], valid_samples: Int[Tensor, " batch"]
    ) -> AudioFeatures:
        """Hear a batch. What is shorter than 5 s is heard again and again, and only its first time counts."""
        if not samples.shape[1]:
            samples = samples.new_zeros(len(samples), 1)
        valid = valid_samples.to(self._device).clamp(1, samples.shape[1])
        repeated = _repeated(samples.to(self._device, torch.float32), valid)
        parts = self._windows(lambda part: self._hear(repeated[part]), len(repeated))
        fine, native = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        fine = fine[:, : -(-samples.shape[1] // SEGMENT_SAMPLES)]
        heard = _heard(valid, fine.shape[1])
        weights = heard / heard.sum(1, keepdim=True)
        mean = normalize((weights[..., None] * fine).sum(1), dim=-1)
        return AudioFeatures(fine=fine, weights=weights, coarse=mean if self._coarse == "mean" else native)

    def _hear(
        self, samples: Float[Tensor, "batch samples"]
    ) -> tuple[Float[Tensor, "batch segments joint"], Float[Tensor, "batch joint"]]:
        """Segments, and the embedding that CLAP itself makes of all of them; unit rows."""
        levels = self._net.audio_encoder.base.levels(samples)
        with self._computing():
            rows = self._net.audio_encoder.base(levels)
            # A clip of one segment is pooled to twice that segment: this is the scale that the network knows.
            fine, native = self._net.project(2 * rows), self._net.project(pooled(rows))
        return normalize(fine.float(), dim=-1), normalize(native.float(), dim=-1)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Float[Tensor, "texts joint"]:
        """Unit rows; of a long text the first hundred tokens count."""
        rows = self._texts(lambda part: self._read(texts[part]), len(texts))
        return torch.cat([torch.zeros(0, self.text_dim, device=self._device), *rows])

    def _read(self, texts: Sequence[str]) -> Float[Tensor, "texts joint"]:
        ids, mask = (tensor.to(self._device) for tensor in self._tokens(texts))
        with self._computing():
            rows = self._net.read(ids, mask)
        return normalize(rows.float(), dim=-1)


def _repeated(samples: Float[Tensor, "batch samples"], valid: Int[Tensor, " batch"]) -> Float[Tensor, "batch repeated"]:
    """Each row's valid samples again and again, to the row's length or 5 s, as CLAP fills its clips."""
    place = torch.arange(max(samples.shape[1], CLIP_SAMPLES), device=samples.device)
    return samples.gather(1, place[None] % valid[:, None])


def _heard(valid: Int[Tensor, " batch"], segments: int) -> Float[Tensor, "batch segments"]:
    """1 for a segment that begins inside the valid samples."""
    starts = torch.arange(segments, device=valid.device) * SEGMENT_SAMPLES
    return (starts[None] < valid[:, None]).float()
