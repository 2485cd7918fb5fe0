"""Captions from an encoder's tags: "the sound of rain and wind"."""

from collections.abc import Sequence

from mgcld.data import AudioFeatures, Window
from mgcld.errors import ConfigError
from mgcld.interfaces import Encoder


class TagsCaptioner:
    """Names the most probable tags in a sentence."""

    def __init__(self, encoder: Encoder, most: int = 3, floor: float = 0.08) -> None:
        """Name at most `most` tags, each of at least the probability `floor`, and always one.

        Raises:
            ConfigError: the encoder has no tags, or `most` is less than 1.
        """
        if most < 1:
            raise ConfigError(f"captioner tags: most is {most}, not at least 1", help="3 is usual")
        if not encoder.tag_names:
            raise ConfigError(f"encoder {encoder.name} has no tags", help="choose the captioner retrieval, or none")
        self._names = [name.lower() for name in encoder.tag_names]
        self._most = min(most, len(self._names))
        self._floor = floor
        self.provenance = f"tags: at most {most}, of at least {floor:g}"

    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> Sequence[str]:  # noqa: ARG002
        """One sentence a window."""
        if features.tags is None:
            raise ValueError("these features came from an encoder without tags")
        values, indices = features.tags.topk(self._most, 1)
        return [self._sentence(v, i) for v, i in zip(values.tolist(), indices.tolist(), strict=True)]

    def _sentence(self, values: list[float], indices: list[int]) -> str:
        named = [self._names[i] for v, i in zip(values, indices, strict=True) if v >= self._floor]
        named = named or [self._names[indices[0]]]
        return "the sound of " + (named[0] if len(named) == 1 else ", ".join(named[:-1]) + " and " + named[-1])
