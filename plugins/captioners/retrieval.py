"""Captions from a bank: the written sentences that are nearest to a window, for any encoder with a joint space.

Some sentences are near to any sound ("a fog horn sounds over the sea", says `mini`), so each is read against how near
it is to sounds that mean nothing.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mgcld.data import AudioFeatures, Window
from mgcld.errors import ConfigError
from mgcld.interfaces import Encoder

from ._nothing import nothing

PHRASES = Path(__file__).with_name("phrases.txt")
BATCH = 64
"""So many phrases are embedded at once."""


class RetrievalCaptioner:
    """Says what it finds: the audio is brought into the text space and compared with every phrase."""

    def __init__(self, encoder: Encoder, phrases: Path = PHRASES, most: int = 1) -> None:
        """Embed the phrases, one a line of the file `phrases`; the `most` nearest are joined into a sentence.

        Raises:
            ConfigError: the file cannot be read or holds no phrase, or `most` is less than 1.
        """
        if most < 1:
            raise ConfigError(f"captioner retrieval: most is {most}, not at least 1", help="1 is usual")
        self._phrases = read_phrases(phrases)
        self._most = min(most, len(self._phrases))
        self._embedded = _embedded(encoder, self._phrases)
        self._alignment = encoder.alignment
        self._usual = torch.zeros(len(self._phrases), device=self._embedded.device)
        self._usual = self.closeness(_heard(encoder)).mean(0)
        digest = hashlib.sha256("\n".join(self._phrases).encode()).hexdigest()[:12]
        self.provenance = f"retrieval: the {self._most} nearest of {len(self._phrases)} phrases ({digest})"

    @torch.no_grad()
    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> Sequence[str]:  # noqa: ARG002
        """One sentence a window."""
        nearest = self.closeness(features).topk(self._most, 1).indices
        return [" and ".join(self._phrases[i] for i in row) for row in nearest.tolist()]

    def closeness(self, features: AudioFeatures) -> Float[Tensor, "batch phrases"]:
        """Of each window to each phrase (cosine), beyond what the phrase has with any sound."""
        aligned = torch.nn.functional.normalize(features.coarse.float() @ self._alignment.float(), dim=-1)
        return aligned @ self._embedded.T - self._usual


def read_phrases(path: Path) -> tuple[str, ...]:
    """The phrases of a file, in their order: one a line; empty lines, repetitions and lines after # do not count.

    Raises:
        ConfigError: it cannot be read, or holds none.
    """
    help = "name a text file with one sentence about what can be heard in each line"
    try:
        lines = [" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise ConfigError(f"captioner retrieval: cannot read {path}: {error.strerror}", help=help) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"captioner retrieval: {path} is no text in UTF-8", help=help) from error
    phrases = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not phrases:
        raise ConfigError(f"captioner retrieval: {path} holds no phrase", help=help)
    return phrases


def _heard(encoder: Encoder) -> AudioFeatures:
    sounds = nothing(encoder.sample_rate)
    return encoder.embed_audio(sounds, torch.full((len(sounds),), sounds.shape[1]))


@torch.no_grad()
def _embedded(encoder: Encoder, phrases: Sequence[str]) -> Float[Tensor, "phrases text"]:
    batches = [encoder.embed_text(phrases[start : start + BATCH]) for start in range(0, len(phrases), BATCH)]
    return torch.cat(batches).float()
