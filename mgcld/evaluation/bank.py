"""A data set as tensors: what was heard in every clip, what its classes are called, how near clips are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mgcld.data import AudioFeatures
from mgcld.evaluation.processes import spread
from mgcld.evaluation.shards import Heard
from mgcld.interfaces import Encoder, Explainer
from mgcld.model.cache import Keys, keys_of
from mgcld.model.contrast import Explanations
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Similarities, similarities
from mgcld.training.sentences import sentences_about

BLOCK = 32
"""Clips to one block of rows."""
MOST_PAIRS = 40_000_000
"""Above this (6,300 clips) pairs are compared where an episode needs them, not all beforehand."""


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """What is said about the classes, embedded."""

    name: Float[Tensor, "classes text"]
    """One sentence a class: "the sound of <name>"; unit rows."""
    explanations: Explanations
    alignment: Float[Tensor, "audio text"]
    """The encoder's."""

    def of(self, classes: Tensor) -> "Texts":
        """Only these classes."""
        chosen = Explanations(self.explanations.rows[classes], self.explanations.weights[classes])
        return Texts(self.name[classes], chosen, self.alignment)


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Every clip of a data set as tensors, on the CPU."""

    audio: AudioFeatures
    caption: Float[Tensor, "clips text"]
    """Unit rows (R_t)."""
    labels: Int[Tensor, " clips"]
    texts: Texts
    pairs: dict[str, Similarities] = field(default_factory=dict)
    """What `compare` made, by kind of comparison."""
    mute: bool = False
    """Whether the contrast hears no audio, for ablations; the cache always does."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def coarse(self) -> Float[Tensor, "clips audio"]:
        """One unit row a clip: what all baselines work on."""
        return self.audio.coarse

    def keys(self, clips: Int[Tensor, " some"], options: MethodOptions) -> Keys:
        """Some clips as the cache holds them."""
        audio = self.audio
        longest = int((audio.weights[clips] > 0).sum(1).max())
        part = AudioFeatures(audio.fine[clips, :longest], audio.weights[clips, :longest], audio.coarse[clips])
        return keys_of(part, options)

    def heard_by_contrast(self, clips: Int[Tensor, " some"], options: MethodOptions) -> Keys:
        """Some clips as the contrast hears them."""
        keys = self.keys(clips, options)
        silence = Keys(torch.zeros_like(keys.coarse), torch.zeros_like(keys.fine), keys.weights)
        return silence if self.mute else keys

    def near(
        self, rows: Int[Tensor, " rows"], columns: Int[Tensor, " columns"], options: MethodOptions
    ) -> Similarities:
        """How near some clips are to others: looked up, or compared now."""
        known = self.pairs.get(kind(options))
        if known is not None:
            return known[rows, columns]
        return similarities(self.keys(rows, options), self.keys(columns, options), options)

    def compare(self, options: MethodOptions, progress: Callable[[int, int], None], jobs: int = 1) -> None:
        """Compare all clips with each other, once: half of the pairs, since the similarity is symmetric."""
        if len(self) ** 2 > MOST_PAIRS or kind(options) in self.pairs:
            return
        everything = self.keys(torch.arange(len(self)), options)
        coarse, fine = (torch.empty(len(self), len(self)) for _ in range(2))
        starts = range(0, len(self), BLOCK)

        def block(index: int) -> tuple[np.ndarray, np.ndarray]:
            rows, columns = torch.arange(len(self))[starts[index] :][:BLOCK], torch.arange(starts[index], len(self))
            near = similarities(everything[rows], everything[columns], options)
            return near.coarse.numpy(), near.fine.numpy()

        with spread(block, len(starts), jobs) as blocks:
            for done, (index, found) in enumerate(blocks, 1):
                rows = slice(starts[index], starts[index] + BLOCK)
                for whole, part in zip((coarse, fine), found, strict=True):
                    whole[rows, starts[index] :] = torch.from_numpy(part)
                    whole[starts[index] :, rows] = torch.from_numpy(part).T
                progress(done, len(starts))
        self.pairs[kind(options)] = Similarities(coarse, fine)


def kind(options: MethodOptions) -> str:
    """Options that compare two clips alike have the same."""
    facts = (options.coarse, options.marginals, options.epsilon, options.iterations, options.tolerance)
    return repr(facts)


def bank_of(heard: Sequence[Heard], labels: Sequence[int], texts: Texts) -> Bank:
    """Line up recordings of different length; zeros behind the last segment."""
    padded = torch.nn.utils.rnn.pad_sequence
    return Bank(
        AudioFeatures(
            padded([row.fine.float() for row in heard], batch_first=True),
            padded([row.weights.float() for row in heard], batch_first=True),
            torch.stack([row.coarse.float() for row in heard]),
        ),
        torch.stack([row.caption.float() for row in heard]),
        torch.tensor(labels),
        texts,
    )


def spoken(name: str) -> str:
    """A class's name in words: data sets write `Bass_drum` and `dog-bark`."""
    return " ".join(name.replace("_", " ").replace("-", " ").split()).lower()


def texts_of(encoder: Encoder, explainer: Explainer, classes: Sequence[str]) -> Texts:
    """Embed the names and the explanations of all classes."""
    name = encoder.embed_text([f"the sound of {spoken(label)}" for label in classes]).cpu()
    said = sentences_about(classes, explainer)
    rows = [encoder.embed_text(said[label]).cpu() for label in classes]
    weights = [torch.full((len(own),), 1 / len(own)) for own in rows]
    padded = torch.nn.utils.rnn.pad_sequence
    explanations = Explanations(padded(rows, batch_first=True), padded(weights, batch_first=True))
    return Texts(name, explanations, encoder.alignment.cpu())
