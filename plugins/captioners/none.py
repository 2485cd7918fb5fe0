"""No captions: the method then uses the aligned audio in their place."""

from collections.abc import Sequence

from mgcld.data import AudioFeatures, Window
from mgcld.interfaces import Encoder


class NoCaptioner:
    """Has nothing to say."""

    provenance = "none"

    def __init__(self, encoder: Encoder) -> None:
        """Take the encoder as every captioner does, and leave it alone."""

    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> Sequence[None]:  # noqa: ARG002
        """None for each window."""
        return [None] * len(windows)
