"""What the tags say, as a part of the features and as a part of the text space.

A tag's logit less its mean over many sounds says more than its probability: `bark` at 2 % is news, `animal` at 20 % is
none. The logits' largest axes, brought to equal spread, tell sounds apart; the same axes carry the tags that a text is
about, so that the product of the two is how much more than usual those tags are heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softmax

LEAST = 1e-5
"""No tag is believed to be more absent, or more present, than so."""


@dataclass(frozen=True, slots=True, eq=False)
class TagSpace:
    """`centre` (tags,): usual logits; `axes` (tags, axes): their largest axes; `spread` (axes,): along those."""

    centre: Float[Tensor, " tags"]
    axes: Float[Tensor, "tags axes"]
    spread: Float[Tensor, " axes"]
    meaning: Float[Tensor, "tags text"]
    """Unit rows: what each tag's name means."""
    temperature: float
    """Of the choice among tags by meaning (cosine)."""

    @classmethod
    def of(cls, tensors: dict[str, Tensor], meaning: Float[Tensor, "tags text"], temperature: float) -> "TagSpace":
        """From the tensors of a weights file."""
        centre, axes, spread = (tensors[f"tags.{name}"].to(meaning.device) for name in ("centre", "axes", "spread"))
        return cls(centre, axes, spread, meaning, temperature)

    def heard(self, tags: Float[Tensor, "*rows tags"]) -> Float[Tensor, "*rows axes"]:
        """How much more or less than usual, along each axis."""
        return (torch.logit(tags, LEAST) - self.centre) @ (self.axes / self.spread)

    def meant(self, text: Float[Tensor, "texts text"]) -> Float[Tensor, "texts axes"]:
        """Of a text (unit rows), the tags that are near to it; no row is longer than 1."""
        named = self.axes * self.spread
        chosen: Tensor = softmax(text @ self.meaning.T / self.temperature, 1)
        rows: Tensor = chosen @ named / named.norm(dim=1).max()
        return rows


def text_rows(
    text: Float[Tensor, "texts text"], tags: Float[Tensor, "texts axes"], weight: float
) -> Float[Tensor, "texts both"]:
    """Unit rows: the text, its tags `weight` times as important, and what is missing to unit length.

    The last column meets nothing in an audio feature: a text that is about many tags says less of each.
    """
    both = torch.cat([text, weight**0.5 * tags], 1) / (1 + weight) ** 0.5
    missing = (1 - both.square().sum(1, keepdim=True)).clamp_min(0).sqrt()
    return torch.cat([both, missing], 1)


def alignment(sizes: Sequence[int], shares: Sequence[float], weight: float) -> Float[Tensor, "audio both"]:
    """Picks what is heard of meaning and of tags out of a feature; its parts: acoustic, semantic, effects, tags."""
    acoustic, semantic, _, tags = sizes
    made = torch.zeros(sum(sizes), semantic + tags + 1)
    made[acoustic : acoustic + semantic, :semantic] = torch.eye(semantic) / ((1 + weight) * shares[1]) ** 0.5
    made[-tags:, semantic:-1] = torch.eye(tags) * (weight / ((1 + weight) * shares[3])) ** 0.5
    return made
