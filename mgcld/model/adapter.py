"""The adapter: everything that training made, in one immutable object that turns features into predictions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mgcld.data import Features, Prediction
from mgcld.model.cache import Keys, coarse_similarity
from mgcld.model.calibration import Calibration, probabilities
from mgcld.model.head import Head
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Parts, query_of, similarities, total


@dataclass(frozen=True, slots=True)
class Provenance:
    """What an adapter was made with: it serves only where the same encoder listens."""

    encoder: str
    """The encoder's name."""
    weights_hash: str
    """sha256 of its weights."""
    captioner: str
    """The captioner and its options, as the command line takes them."""
    window_seconds: float
    """Length of a window (seconds)."""
    mgcld: str
    """Version that trained it."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """The training report."""
    captions: str = ""
    """What decided the captions' words (the captioner's `provenance`); empty where an older version trained."""


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """A trained multi-grained adapter with its precomputed support cache."""

    classes: tuple[str, ...]
    """In the order of every tensor and every message."""
    keys: Keys
    """The support set."""
    background: Keys | None
    """Shots of "none of these"."""
    head: Head
    sentences: tuple[tuple[str, ...], ...]
    """The explanations in words, class by class."""
    calibration: Calibration
    thresholds: tuple[float, ...]
    """From which probability on each class should count as heard."""
    provenance: Provenance

    @property
    def options(self) -> MethodOptions:
        """With what was chosen in training."""
        return self.head.options

    @property
    def values(self) -> Float[Tensor, "shots classes"]:
        """One-hot classes of the keys."""
        return self.head.values

    def to(self, device: str) -> "Adapter":
        """The same adapter on another device."""
        background = None if self.background is None else self.background.to(device)
        return replace(self, keys=self.keys.to(device), background=background, head=self.head.to(device))

    @torch.no_grad()
    def predict(self, features: Features, silent: Bool[Tensor, " batch"]) -> list[Prediction]:
        """One prediction a window; a silent window is unknown."""
        query, caption = query_of(features, self.options)
        near = similarities(query, self.keys, self.options)
        parts = self.head.parts(near, query, caption)
        p, unknown = probabilities(
            total(parts, self.options),
            self.head.signs(parts, near),
            self.background_closeness(query),
            silent.to(self.values.device),
            self.calibration,
        )
        said = zip(features.captions, features.fresh or (True,) * len(features.captions), strict=True)
        return [self._prediction(parts, p, unknown, i, *caption) for i, caption in enumerate(said)]

    def background_closeness(self, query: Keys) -> Float[Tensor, " batch"] | None:
        """To the nearest background shot: each is a class of its own, since backgrounds have nothing in common."""
        if self.background is None:
            return None
        found = coarse_similarity(query, self.background)
        own, others = coarse_similarity(query, self.keys), coarse_similarity(self.background, self.keys)
        return self.head.within.between(found, own, others).amax(1)

    def _prediction(
        self, parts: Parts, p: Tensor, unknown: Tensor, i: int, caption: str | None, fresh: bool
    ) -> Prediction:
        named = {name: tuple(getattr(parts, name)[i].tolist()) for name in Parts.__slots__}
        return Prediction(self.classes, tuple(p[i].tolist()), float(unknown[i]), named, caption, fresh)
