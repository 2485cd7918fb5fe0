"""`laion_clap`: LAION's own package (`pip install 'mgcld[laion]'`) with its `.pt` checkpoints; HTSAT without fusion.

For checkpoints that were never converted for transformers; for the others the encoder `clap` is lighter and faster.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mgcld.data import AudioFeatures, Checkpoint

from .._batches import Batches, placed
from .._device import Precision, chosen_device, computing
from .._weights import cached, fetching, located
from ._clips import Clip, clips_of, features_of, most_segments
from ._identity import hash_of, named
from ._laion_package import INSTALL, WHO, Package, build
from ._tokenizer import FILE as WORDS
from ._tokenizer import Tokens, words_of

REPOSITORY = "lukewys/laion_clap"
MODEL = "lukewys/laion_clap/630k-audioset-best.pt"
TOKENIZER = "FacebookAI/roberta-base"
SAMPLE_RATE, CLIP_SAMPLES = 48_000, 480_000
SEGMENTS = 32
"""Of a clip of 10 s; the package repeats each of them 32 times to make frames."""
FILES = (
    "630k-audioset-best.pt",
    "630k-best.pt",
    "music_audioset_epoch_15_esc_90.14.pt",
    "music_speech_epoch_15_esc_89.25.pt",
    "music_speech_audioset_epoch_15_esc_89.98.pt",
)
LONGEST_TEXT = 77
CLIPS_AT_ONCE, TEXTS_AT_ONCE = 32, 64


class LaionClapEncoder:
    """Everything that `mgcld.interfaces.Encoder` promises.

    A window up to 10 s is one clip, repeated and padded as the package does it; only its first hearing is kept as
    segments. A longer one is heard as evenly spaced clips that cover it, where the package would take one at random.
    """

    sample_rate = SAMPLE_RATE
    segment_seconds = CLIP_SAMPLES / SAMPLE_RATE / SEGMENTS
    tag_names: Sequence[str] = ()

    def __init__(
        self,
        model: str = MODEL,
        tokenizer: str | None = None,
        device: str = "auto",
        precision: Precision = "float32",
        coarse: Literal["mean", "native"] = "mean",
    ) -> None:
        """Load a checkpoint; HTSAT-tiny or HTSAT-base, which the package calls `amodel`, is read off the weights.

        `model` is a `.pt` file here, or owner/repository/file.pt of the hub. `tokenizer` is a hub id, or a file or
        folder with roberta-base's tokenizer.json; without it, the one beside the weights is taken, else the hub's.

        Raises:
            ConfigError: the package is not installed.
            WeightsUnavailable: weights or tokenizer are not here and cannot be fetched.
            CheckpointError: they are not of this layout.
            DeviceUnavailable: no such device on this machine, or it does not compute so.
            OutOfDeviceMemory: it does not hold the weights.
        """
        self.name = named(WHO, model, coarse=coarse, tokenizer=tokenizer)
        self._device = chosen_device(device)
        self._computing = computing(self._device, precision)
        package = Package()
        repository, file = _place(model)
        weights = located(repository, files=[file], who=WHO)[0]
        words = words_of(tokenizer, weights, else_from=TOKENIZER, who=WHO)
        self.weights_hash = hash_of(weights, coarse)
        self._net = placed(build(package, weights), self._device, WHO)
        table = self._net.text_branch.get_input_embeddings()
        self._tokens = Tokens(words, words=table.num_embeddings, longest=LONGEST_TEXT)
        self.audio_dim = self.text_dim = int(self._net.joint_embed_shape)
        self._alignment = torch.eye(self.audio_dim, device=self._device)
        self._native = coarse == "native"
        self._clips, self._texts = Batches(WHO, CLIPS_AT_ONCE), Batches(WHO, TEXTS_AT_ONCE)

    @classmethod
    def checkpoints(cls) -> Sequence[Checkpoint]:
        """The published ones without fusion, and whether they, their tokenizer and the package are on this machine."""
        known = Checkpoint(model="", licence="CC0-1.0", sample_rate=SAMPLE_RATE, segment_seconds=cls.segment_seconds)
        readable = find_spec("laion_clap") is not None and cached(TOKENIZER, [WORDS]) is not None
        return [
            replace(
                known,
                model=f"{REPOSITORY}/{file}",
                here=readable and cached(REPOSITORY, [file]) is not None,
                fetch=f"{INSTALL} && {fetching(REPOSITORY, [file])} && {fetching(TOKENIZER, [WORDS])}",
            )
            for file in FILES
        ]

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
        clips = clips_of(valid_samples.clamp(1, samples.shape[1]).tolist(), CLIP_SAMPLES, SEGMENTS)
        heard = self._clips(lambda part: self._hear(samples, clips[part]), len(clips))
        segments, whole = (torch.cat(each) for each in zip(*heard, strict=True))
        places = most_segments(samples.shape[1], CLIP_SAMPLES, SEGMENTS)
        return features_of(clips, segments, whole, windows=len(samples), places=places, native=self._native)

    def _hear(
        self, samples: Float[Tensor, "batch samples"], clips: Sequence[Clip]
    ) -> tuple[Float[Tensor, "clips segments joint"], Float[Tensor, "clips joint"]]:
        """Unit rows: of each segment, and of the clip as the package itself puts it."""
        filled = torch.stack([_filled(samples[c.window, c.first : c.first + c.samples]) for c in clips])
        with self._computing():
            heard = self._net.audio_branch({"waveform": filled}, device=self._device)
            rows = heard["fine_grained_embedding"]
            segments = self._net.audio_projection(rows[:, :: rows.shape[1] // SEGMENTS])
            whole = self._net.audio_projection(heard["embedding"])
        return normalize(segments.float(), dim=-1), normalize(whole.float(), dim=-1)

    @torch.no_grad()
    def embed_text(self, texts: Sequence[str]) -> Float[Tensor, "texts joint"]:
        """Unit rows; of a long text the first 77 tokens count."""
        rows = self._texts(lambda part: self._read(texts[part]), len(texts))
        return torch.cat([torch.zeros(0, self.text_dim, device=self._device), *rows])

    def _read(self, texts: Sequence[str]) -> Float[Tensor, "texts joint"]:
        ids, mask = self._tokens(texts)
        with self._computing():
            rows = self._net.encode_text({"input_ids": ids, "attention_mask": mask}, device=self._device)
        return normalize(rows.float(), dim=-1)


def _place(model: str) -> tuple[str, str]:
    """What `located` takes: a repository and its file; a path as it is, with the file that it is or should hold."""
    repository, _, file = model.rpartition("/")
    is_path = model[:1] in "/~." or os.path.exists(model)  # noqa: PTH110 (Path.exists raises for too long a name)
    return (model, FILES[0]) if is_path or repository.count("/") != 1 else (repository, file)


def _filled(clip: Float[Tensor, " samples"]) -> Float[Tensor, " filled"]:
    """Through 16 bits, then as often as it fits into 10 s, and zeros: what the package trains and embeds with."""
    coarse = (clip.clamp(-1, 1) * 32_767).to(torch.int16).float() / 32_767
    repeated = coarse.repeat(CLIP_SAMPLES // len(clip))
    return torch.nn.functional.pad(repeated, (0, CLIP_SAMPLES - len(repeated)))
