"""No captions: the method then uses the aligned audio in their place."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mgcld.data import AudioFeatures
from mgcld.interfaces import Encoder

if TYPE_CHECKING:
    from torch import Tensor


class NoCaptioner:
    """Has nothing to say."""

    def __init__(self, encoder: Encoder) -> None:
        """Take the encoder as every captioner does, and leave it alone."""

    def caption(self, samples: "Tensor", features: AudioFeatures) -> Sequence[None]:  # noqa: ARG002
        """None for each window."""
        return [None] * len(samples)
