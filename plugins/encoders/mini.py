"""`mini`, the embedded encoder: 16 kHz, 0.32 s segments, 768 audio and 385 text dimensions, 8 MB, some ms a window.

A segment's feature is four parts side by side: acoustic, semantic (the meaning of texts), effects (what a network that
knows libraries of sound effects would say) and tags. The text space is meaning and tags side by side. What is heard is
the mean of what several networks hear.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mgcld.data import AudioFeatures, Checkpoint
from mgcld.errors import CheckpointError

from .._device import Precision, chosen_device, computing
from ._mini_audio import SAMPLE_RATE, SEGMENT_SAMPLES, LogMel, least_samples, segments_of
from ._mini_file import INSTEAD, audio_nets, read_weights
from ._mini_prominence import prominence
from ._mini_tags import TagSpace, alignment, text_rows
from ._mini_text import TextTable

WEIGHTS = Path(__file__).with_name("mini.safetensors")
QUIETEST = 0.02
"""The least share of a segment that the tag head calls silence."""
LONGEST = 1.5
"""No segment's row of effects is longer than so many times the median: the border of a window is no sound."""


class MiniEncoder:
    """Everything that `mgcld.interfaces.Encoder` promises, from one file beside this one."""

    name = "mini"
    sample_rate = SAMPLE_RATE
    segment_seconds = SEGMENT_SAMPLES / SAMPLE_RATE

    def __init__(self, device: str = "auto", weights: Path = WEIGHTS, precision: Precision = "float32") -> None:
        """Load the weights.

        Raises:
            WeightsUnavailable: no such file.
            CheckpointError: the file is not mini's.
            DeviceUnavailable: no such device on this machine, or it does not compute so.
        """
        self._device = chosen_device(device)
        self._computing = computing(self._device, precision)
        tensors, notes = read_weights(weights)
        self.weights_hash = hashlib.sha256(weights.read_bytes()).hexdigest()
        try:
            self._take(tensors, notes)
        except torch.OutOfMemoryError:
            raise
        except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{weights} is not as mini's files are: {error}", help=INSTEAD) from error

    def _take(self, tensors: dict[str, Tensor], notes: dict[str, str]) -> None:
        config = json.loads(notes["config"])
        if "prominence" not in config:
            raise ValueError("it is of an earlier mini")
        self._prominence = {name: float(config["prominence"][name]) for name in ("enough", "least")}
        self.tag_names: Sequence[str] = tuple(json.loads(notes["tag_names"]))
        self._silence = self.tag_names.index("Silence")
        self._shares: list[float] = config["weights"]
        self._text = TextTable.of(tensors, notes, self._device)
        meaning = self._text([f"the sound of {tag.lower()}" for tag in self.tag_names])
        self._tags = TagSpace.of(tensors, meaning, config["tags"]["temperature"])
        self._tag_weight: float = config["tags"]["weight"]
        self._log_mel = LogMel().to(self._device)
        self._nets = audio_nets(config["nets"], tensors).to(self._device)
        sizes = [*(config["nets"][0][part] for part in ("acoustic", "text", "effects")), len(self._tags.spread)]
        self._alignment = alignment(sizes, self._shares, self._tag_weight).to(self._device)
        self.audio_dim, self.text_dim = self._alignment.shape

    @classmethod
    def checkpoints(cls) -> Sequence[Checkpoint]:
        """The one that is shipped."""
        shipped = Checkpoint(
            model="",
            licence="Apache-2.0",
            sample_rate=cls.sample_rate,
            segment_seconds=cls.segment_seconds,
            megabytes=WEIGHTS.stat().st_size / 1e6 if WEIGHTS.is_file() else None,
            here=WEIGHTS.is_file(),
        )
        return [shipped]

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda:0`."""
        return str(self._device)

    @property
    def alignment(self) -> Float[Tensor, "audio text"]:
        """Picks meaning and tags out of a feature, so that an aligned coarse feature has unit length."""
        return self._alignment

    @torch.no_grad()
    def embed_audio(
        self, samples: Float[Tensor, "batch samples"], valid_samples: Int[Tensor, " batch"]
    ) -> AudioFeatures:
        """Hear a batch; a part's scale is such that each has its share in the (unit) coarse feature.

        The coarse feature is the mean of the segments by how far each stands out of the window; the fine ones keep all.
        """
        samples = samples.to(self._device, torch.float32)
        segments = segments_of(samples.shape[1])
        short = max(least_samples(segments) - samples.shape[1], 0)
        frames = self._log_mel(torch.nn.functional.pad(samples, (0, short)))
        with self._computing():
            said = self._nets(frames)
        acoustic, semantic, effects = (part.float() for part in (said.acoustic, said.semantic, said.effects))
        heard = _heard(valid_samples.to(self._device), segments)
        tags = torch.sigmoid(said.tags.float())
        loud = (1 - tags[..., self._silence : self._silence + 1]).clamp_min(QUIETEST)
        parts = [acoustic, semantic, _bounded(effects, heard), self._tags.heard(tags) * loud]
        fine = torch.cat([math.sqrt(s) * _scaled(p, heard) for s, p in zip(self._shares, parts, strict=True)], -1)
        share = prominence(frames, heard, valid_samples.to(self._device) >= samples.shape[1], **self._prominence)
        outstanding = [math.sqrt(s) * _unit(p, share) for s, p in zip(self._shares, parts, strict=True)]
        length = fine.norm(dim=-1)
        return AudioFeatures(
            fine=fine,
            weights=length / length.sum(1, keepdim=True),
            coarse=torch.nn.functional.normalize(torch.cat(outstanding, -1), dim=-1),
            tags=0.5 * (tags * heard).amax(1) + 0.5 * _mean(tags, heard)[:, 0],
        )

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Float[Tensor, "texts text"]:
        """Unit rows."""
        meaning = self._text(texts)
        return text_rows(meaning, self._tags.meant(meaning), self._tag_weight)


def _heard(valid_samples: Int[Tensor, " batch"], segments: int) -> Float[Tensor, "batch segments 1"]:
    """1 for a segment that holds a valid sample, 0 for padding; the first always counts."""
    starts = torch.arange(segments, device=valid_samples.device) * SEGMENT_SAMPLES
    heard = starts[None] < valid_samples[:, None].clamp_min(1)
    return heard[..., None].float()


def _mean(
    rows: Float[Tensor, "batch segments dim"], heard: Float[Tensor, "batch segments 1"]
) -> Float[Tensor, "batch 1 dim"]:
    return (rows * heard).sum(1, keepdim=True) / heard.sum(1, keepdim=True)


def _bounded(
    part: Float[Tensor, "batch segments dim"], heard: Float[Tensor, "batch segments 1"]
) -> Float[Tensor, "batch segments dim"]:
    length = part.norm(dim=-1, keepdim=True)
    median = length.masked_fill(heard == 0, torch.nan).nanmedian(1, keepdim=True).values
    bounded: Tensor = part * (LONGEST * median / length.clamp_min(1e-6)).clamp_max(1)
    return bounded


def _scaled(
    part: Float[Tensor, "batch segments dim"], heard: Float[Tensor, "batch segments 1"]
) -> Float[Tensor, "batch segments dim"]:
    """The part with a mean of unit length, and nothing where nothing was heard."""
    length = _mean(part, heard).norm(dim=-1, keepdim=True).clamp_min(1e-6)
    scaled: Tensor = part * heard / length
    return scaled


def _unit(
    rows: Float[Tensor, "batch segments dim"], share: Float[Tensor, "batch segments 1"]
) -> Float[Tensor, "batch dim"]:
    """The mean by shares, of unit length."""
    return torch.nn.functional.normalize((rows * share).sum(1), dim=-1)
