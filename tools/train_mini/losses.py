"""What the student is asked for, each term a mean over the batch."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity, normalize

from .batches import Batch
from .student import Heard
from .whitening import Whitening

SHARES = {
    "features": 1.0,
    "tags": 0.15,
    "likeness": 3.0,
    "effects": 2.0,
    "meaning": 0.8,
    "segments": 0.4,
    "names": 0.4,
    "clips": 0.5,
}
SOFTENED = 2.0
"""The temperature at which tags are learned a second time."""
NEAR, ALIKE = 0.1, 0.12
"""Temperatures of the targets: among names, among clips."""
TOP_TAGS = 5


AGAINST_FEATURES = 2.0
"""How much more than the first teacher's the second's likeness of two windows counts."""


@dataclass(frozen=True)
class Meaning:
    """Unit rows in text space: of every tag (tags, text), of every clip text (names, text); rarity (tags,) of tags."""

    tags: Tensor
    names: Tensor
    rarity: Tensor

    def to(self, device: torch.device) -> "Meaning":
        """The same elsewhere."""
        return Meaning(self.tags.to(device), self.names.to(device), self.rarity.to(device))

    def of(self, tags: Tensor) -> Tensor:
        """(..., tags) probabilities -> (..., text) unit rows: the strongest tags, rarer ones counting more."""
        value, index = (tags * self.rarity).topk(TOP_TAGS, -1)
        return normalize((value[..., None] * self.tags[index]).sum(-2), dim=-1)


def rarity(tags: Tensor) -> Tensor:
    """(windows, tags) -> (tags,): one over the root of how common each is, so that "animal" does not hide "dog"."""
    return (tags.mean(0) + 0.01) ** -0.5


class Losses(nn.Module):
    """All terms; holds the two learned scales of the contrasts."""

    def __init__(self, meaning: Meaning, effects: Whitening) -> None:
        super().__init__()
        self.meaning = meaning
        self.effects = effects
        self.scales = nn.Parameter(torch.tensor([2.5, 2.7]))

    def forward(self, heard: Heard, batch: Batch) -> dict[str, Tensor]:
        """Unweighted terms by name."""
        heard = Heard(*(each.float() for each in heard))
        window, segments = self.effects(batch.effects.amax(1)), self.effects(batch.effects)
        clip, meant = normalize(heard.acoustic.mean(1), dim=-1), normalize(heard.semantic.mean(1), dim=-1)
        return {
            "features": _features(heard.teacher, batch),
            "tags": _tags(heard.tags, batch),
            "likeness": _likeness(heard.teacher, batch.features.mean(1)) + _likeness(heard.effects, window),
            "effects": _effects(heard.effects, window, segments, batch),
            "meaning": self._meaning(meant, batch),
            "segments": self._segments(heard.semantic, batch),
            "names": self._names(meant, batch),
            "clips": self._clips(clip, window, batch),
        }

    def _meaning(self, meant: Tensor, batch: Batch) -> Tensor:
        """To the text of the teacher's tags; to the clip's own text where one clip rules."""
        by_tags = 1 - (meant * self.meaning.of(batch.clip_tags)).sum(1)
        by_name = 1 - (meant * self.meaning.names[batch.names.clamp_min(0)]).sum(1)
        return by_tags.mean() + _weighted(by_name, batch.trust)

    def _segments(self, semantic: Tensor, batch: Batch) -> Tensor:
        """Each segment to the text of its own tags, as far as it is not silent."""
        apart = 1 - cosine_similarity(semantic, self.meaning.of(batch.tags), dim=-1)
        return _weighted(apart, batch.sounding)

    def _names(self, meant: Tensor, batch: Batch) -> Tensor:
        """Among all texts of the material, the clip's own; texts of like meaning share the target."""
        names = self.meaning.names
        centred = normalize(names - names.mean(0), dim=-1)
        target = torch.softmax(centred[batch.names.clamp_min(0)] @ centred.T / NEAR, 1)
        told = torch.log_softmax(self.scales[1].exp() * (meant @ names.T), 1)
        return _weighted(-(target * told).sum(1), batch.trust)

    def _clips(self, clip: Tensor, effects: Tensor, batch: Batch) -> Tensor:
        """Among the other windows, those of the same recording, of the same text, of like meaning and like sound."""
        centred = normalize(self.meaning.names - self.meaning.names.mean(0), dim=-1)[batch.names.clamp_min(0)]
        centred = centred * (batch.trust > 0)[:, None]
        same = torch.maximum(_same(batch.recordings), 0.8 * _same(batch.names))
        itself = torch.eye(len(clip), dtype=torch.bool, device=clip.device)
        sound = (_cosines(batch.features.mean(1)) + AGAINST_FEATURES * _cosines(effects)) / (1 + AGAINST_FEATURES)
        alike = (1.5 * sound + centred @ centred.T + same) / 3.5 / ALIKE
        target = torch.softmax(alike.masked_fill(itself, -1e4), 1)
        told = torch.log_softmax((self.scales[0].exp() * (clip @ clip.T)).masked_fill(itself, -1e4), 1)
        return _weighted(-(target * told).sum(1), 0.3 + batch.shares)


def _features(teacher: Tensor, batch: Batch) -> Tensor:
    apart = 1 - cosine_similarity(teacher, batch.features, dim=-1)
    squared = (teacher - batch.features).square().mean(-1)
    return _weighted(apart + 0.5 * squared, batch.sure) / 1.5


def _likeness(told: Tensor, target: Tensor) -> Tensor:
    """(batch, segments, dim) and (batch, axes): how alike two windows are."""
    return (_cosines(told.mean(1)) - _cosines(target)).square().mean()


def _effects(told: Tensor, window: Tensor, segments: Tensor, batch: Batch) -> Tensor:
    """The whole window first; its segments as far as they sound."""
    whole = 1 - cosine_similarity(told.mean(1), window, dim=-1)
    return whole.mean() + 0.3 * _weighted(1 - cosine_similarity(told, segments, dim=-1), batch.sounding)


def _tags(logits: Tensor, batch: Batch) -> Tensor:
    """As they are, and softened, where rarer and weaker tags count more."""
    softened = torch.sigmoid(torch.logit(batch.tags, 1e-4) / SOFTENED)
    plain = binary_cross_entropy_with_logits(logits, batch.tags, reduction="none").sum(-1)
    soft = binary_cross_entropy_with_logits(logits / SOFTENED, softened, reduction="none").sum(-1)
    return _weighted(plain + 0.25 * soft, batch.sure)


def _cosines(rows: Tensor) -> Tensor:
    unit = normalize(rows, dim=-1)
    return unit @ unit.T


def _same(numbers: Tensor) -> Tensor:
    return ((numbers[:, None] == numbers) & (numbers >= 0)[:, None]).float()


def _weighted(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp_min(1.0)
