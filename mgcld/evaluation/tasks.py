"""Episodes of one shape as tensors, so that a baseline answers all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mgcld.evaluation.bank import Bank
from mgcld.evaluation.episodes import Episode


@dataclass(frozen=True, slots=True, eq=False)
class Tasks:
    """Some episodes of one way and one number of shots. Shots stand class by class."""

    shots: Float[Tensor, "tasks shots audio"]
    queries: Float[Tensor, "tasks queries audio"]
    """Zeros where a task has fewer questions than the others."""
    names: Float[Tensor, "tasks classes text"]
    """One sentence a class, a unit row."""
    sentences: Float[Tensor, "tasks classes text"]
    """The mean of a class's explanations, a unit row."""
    alignment: Float[Tensor, "audio text"]
    labels: Int[Tensor, " shots"]
    """Class of each shot, the same in all tasks."""
    truth: Int[Tensor, "tasks queries"]
    """Class of each question; -1 is none."""

    @property
    def way(self) -> int:
        """How many classes."""
        return self.names.shape[1]

    @property
    def per_class(self) -> int:
        """How many shots of each class (K)."""
        return len(self.labels) // self.way

    @property
    def values(self) -> Float[Tensor, "shots classes"]:
        """One-hot classes of the shots (V)."""
        return torch.eye(self.way)[self.labels]

    @property
    def itself(self) -> Bool[Tensor, "shots shots"]:
        """The diagonal: a shot's own key."""
        return torch.eye(len(self.labels), dtype=torch.bool)

    def spoken(
        self, audio: Float[Tensor, "tasks rows audio"], texts: Float[Tensor, "tasks classes text"]
    ) -> Float[Tensor, "tasks rows classes"]:
        """Cosine of audio, brought into the text space without any training, to each class's text: zero-shot."""
        aligned = torch.nn.functional.normalize(audio @ self.alignment, dim=-1)
        return aligned @ texts.mT


def tasks_of(bank: Bank, episodes: Sequence[Episode]) -> Tasks:
    """Look up the features. All episodes have the same number of classes and of shots."""
    texts, unit = bank.texts, torch.nn.functional.normalize
    explained = unit((texts.explanations.rows * texts.explanations.weights[..., None]).sum(1), dim=-1)
    classes = torch.tensor([episode.classes for episode in episodes])
    shots = torch.tensor([[i for own in episode.support for i in own] for episode in episodes])
    query, truth = asked(episodes)
    per_class = len(episodes[0].support[0])
    return Tasks(
        shots=bank.coarse[shots],
        queries=bank.coarse[query] * (truth >= 0)[..., None],
        names=texts.name[classes],
        sentences=explained[classes],
        alignment=texts.alignment,
        labels=torch.arange(len(episodes[0].classes)).repeat_interleave(per_class),
        truth=truth,
    )


def asked(episodes: Sequence[Episode]) -> tuple[Int[Tensor, "tasks queries"], Int[Tensor, "tasks queries"]]:
    """(clip, label within the episode) of every question, padded with (0, -1)."""
    padded = torch.nn.utils.rnn.pad_sequence
    clips = [torch.tensor([i for own in e.query for i in own]) for e in episodes]
    labels = [torch.tensor([c for c, own in enumerate(e.query) for _ in own]) for e in episodes]
    return padded(clips, batch_first=True), padded(labels, batch_first=True, padding_value=-1)
