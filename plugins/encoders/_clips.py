"""How windows of any length become clips of a model that hears so many seconds at once, and features again."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mgcld.data import AudioFeatures


@dataclass(frozen=True, slots=True)
class Clip:
    """A part of a window that the model hears at once."""

    window: int
    """Its window's place in the batch."""
    first: int
    """Its first sample in the window."""
    samples: int
    """Its length, at most the model's."""
    segments: int
    """So many of the model's segments hold it; those behind them hold padding or the clip again."""
    place: slice
    """Where these segments stand among the window's."""


def clips_of(valid_samples: Sequence[int], longest: int, segments: int) -> list[Clip]:
    """Window by window: itself if it is short enough, else as few evenly spaced clips as cover what was heard.

    `longest` samples make `segments` segments.
    """
    clips = []
    for window, valid in enumerate(valid_samples):
        count = -(-valid // longest)
        samples = min(valid, longest)
        kept = -(-segments * samples // longest)
        for i in range(count):
            first = round(i * (valid - samples) / (count - 1)) if i else 0
            clips.append(Clip(window, first, samples, kept, slice(i * kept, (i + 1) * kept)))
    return clips


def most_segments(samples: int, longest: int, segments: int) -> int:
    """Segments of a window that is valid throughout."""
    return -(-samples // longest) * segments if samples > longest else -(-segments * samples // longest)


def features_of(
    clips: Sequence[Clip],
    segments: Float[Tensor, "clips segments audio"],
    whole: Float[Tensor, "clips audio"],
    *,
    windows: int,
    places: int,
    native: bool,
) -> AudioFeatures:
    """Of `windows` windows with `places` segments each: what was heard, all of one weight; zeros for padding.

    `segments` and `whole` are unit rows. Coarse is the mean of a window's segments, or `native` of its clips.
    """
    fine = segments.new_zeros(windows, places, segments.shape[2])
    weights, sums = fine.new_zeros(windows, places), fine.new_zeros(windows, fine.shape[2])
    for i, clip in enumerate(clips):
        fine[clip.window, clip.place] = segments[i, : clip.segments]
        weights[clip.window, clip.place] = 1.0
        sums[clip.window] += whole[i]
    coarse = normalize(sums if native else fine.sum(1), dim=-1)
    return AudioFeatures(fine, weights / weights.sum(1, keepdim=True), coarse)
