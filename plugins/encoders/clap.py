"""`clap`: LAION's CLAP with transformers, any checkpoint of its ClapModel by hub id or folder.

A segment's feature is the last feature map at one time, averaged over frequency and projected into the space that audio
and text share; the text is in the same space, so the alignment is the identity.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mgcld.data import AudioFeatures, Checkpoint

from .._batches import Batches, placed
from .._device import Precision, chosen_device, computing
from .._weights import located
from ._clap_model import BESIDE, FILES, load_clap
from ._clips import Clip, clips_of, features_of, most_segments
from ._identity import hash_of, named
from ._known import CLAP, known_here, megabytes_of, revision_of

DEFAULT = "laion/clap-htsat-unfused"
CLIPS_AT_ONCE = 32
TEXTS_AT_ONCE = 64


class ClapEncoder:
    """Everything that `mgcld.interfaces.Encoder` promises.

    A window up to the length of the model's clips (10 s) is one clip, repeated as the model knows it; only its first
    hearing is kept as segments. A longer one is heard as evenly spaced clips that cover it, overlapping where they
    must. A `fusion` checkpoint is never told of a longer clip: its own way with those takes crops at random.
    """

    tag_names: Sequence[str] = ()

    def __init__(
        self,
        model: str = DEFAULT,
        device: str = "auto",
        precision: Precision = "float32",
        coarse: Literal["mean", "native"] = "mean",
        revision: str | None = None,
    ) -> None:
        """Load a checkpoint; download it where it is not on this machine.

        `coarse`: the mean of the segments, or what the model itself says of the clip (the projection of the mean).
        `revision` is a commit or branch of the hub; known models have one of their own.

        Raises:
            WeightsUnavailable: it is not here and cannot be downloaded.
            CheckpointError: it is no CLAP checkpoint, or a damaged one.
            DeviceUnavailable: no such device on this machine, or it does not compute so.
            OutOfDeviceMemory: it does not hold the weights.
        """
        self.name = named("clap", model, coarse=coarse, revision=revision)
        self._device = chosen_device(device)
        self._computing = computing(self._device, precision)
        size, pinned = megabytes_of(CLAP, model), revision or revision_of(CLAP, model)
        weights, *_ = located(
            model, files=FILES, optional=BESIDE, who="clap", revision=pinned, size=f"{size:.0f} MB" if size else ""
        )
        self.weights_hash = hash_of(weights, coarse)
        parts = load_clap(weights.parent)
        self._net: Any = placed(parts.net, self._device, "clap")
        self._front = placed(parts.front, self._device, "clap")
        self._tokenizer, self._longest_text, self._segments = parts.tokenizer, parts.longest_text, parts.segments
        self._native = coarse == "native"
        self._clips, self._texts = Batches("clap", CLIPS_AT_ONCE), Batches("clap", TEXTS_AT_ONCE)
        self.sample_rate = self._front.sample_rate
        self.segment_seconds = self._front.samples / self.sample_rate / self._segments
        self.audio_dim: int = parts.net.config.projection_dim
        self.text_dim = self.audio_dim
        self._alignment = torch.eye(self.audio_dim, device=self._device)

    @classmethod
    def checkpoints(cls) -> Sequence[Checkpoint]:
        """The known ones, and whether they are on this machine. Nothing is loaded."""
        return known_here(CLAP, FILES, BESIDE)

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda:0`."""
        return str(self._device)

    @property
    def alignment(self) -> Float[Tensor, "audio text"]:
        """The identity: audio and text share a space."""
        return self._alignment

    @torch.no_grad()
    def embed_audio(
        self, samples: Float[Tensor, "batch samples"], valid_samples: Int[Tensor, " batch"]
    ) -> AudioFeatures:
        """Hear a batch: unit rows, one for each segment that was heard, all of one weight; zeros for padding."""
        samples = samples.to(self._device, torch.float32)
        if not samples.shape[1]:
            samples = samples.new_zeros(len(samples), 1)
        valid = valid_samples.clamp(1, samples.shape[1]).tolist()
        clips = clips_of(valid, self._front.samples, self._segments)
        heard = self._clips(lambda part: self._hear(self._levels(samples, clips[part])), len(clips))
        segments, whole = (torch.cat(each) for each in zip(*heard, strict=True))
        places = most_segments(samples.shape[1], self._front.samples, self._segments)
        return features_of(clips, segments, whole, windows=len(samples), places=places, native=self._native)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Float[Tensor, "texts text"]:
        """Unit rows; a text of more tokens than the model takes is cut."""
        rows = self._texts(lambda part: self._read(texts[part]), len(texts))
        return torch.cat([torch.zeros(0, self.text_dim, device=self._device), *rows])

    def _levels(self, samples: Float[Tensor, "batch samples"], clips: Sequence[Clip]) -> Float[Tensor, "clips t bands"]:
        """Each clip's spectrogram; clips of one length are made together."""
        made: list[Tensor] = [samples[0]] * len(clips)
        for length in {clip.samples for clip in clips}:
            those = [i for i, clip in enumerate(clips) if clip.samples == length]
            cut = torch.stack([samples[clips[i].window, clips[i].first : clips[i].first + length] for i in those])
            for i, levels in zip(those, self._front(cut), strict=True):
                made[i] = levels
        return torch.stack(made)

    def _hear(
        self, levels: Float[Tensor, "clips t bands"]
    ) -> tuple[Float[Tensor, "clips segments audio"], Float[Tensor, "clips audio"]]:
        """Unit rows: of each segment, and of the clip as the model itself puts it."""
        never = torch.zeros(len(levels), 1, dtype=torch.bool, device=self._device)
        with self._computing():
            heard = self._net.audio_model(input_features=levels[:, None], is_longer=never)
            rows = heard.last_hidden_state.mean(2).transpose(1, 2)
            segments, pooled = self._net.audio_projection(rows), self._net.audio_projection(heard.pooler_output)
        return normalize(segments.float(), dim=-1), normalize(pooled.float(), dim=-1)

    def _read(self, texts: Sequence[str]) -> Float[Tensor, "texts text"]:
        options: dict[str, Any] = {"padding": True, "truncation": True, "max_length": self._longest_text}
        tokens = self._tokenizer(list(texts), return_tensors="pt", **options).to(self._device)
        with self._computing():
            read = self._net.text_model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
            rows = self._net.text_projection(read.pooler_output)
        return normalize(rows.float(), dim=-1)
