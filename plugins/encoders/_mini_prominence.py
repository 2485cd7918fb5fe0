"""Which segments of a window stand out: a place is heard all the time, a sound now and then.

The mean of all segments is mostly the place, where a short sound is heard in five seconds of rain or of traffic. So a
segment counts by how far it rises above the floor of its window. A steady sound is its own floor: nothing rises, and
all segments count alike.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ._mini_audio import FRAMES_PER_SEGMENT, HOP_SAMPLES, WINDOW_SAMPLES

FLOOR = 0.1
"""The floor of a band: this quantile of its level over the segments."""
NORM = 4
"""Which mean of the bands is taken: a whistle rises in few of them, and should be seen nevertheless."""


def prominence(
    log_mel: Float[Tensor, "batch frames bands"],
    valid_samples: Int[Tensor, " batch"],
    heard: Float[Tensor, "batch segments 1"],
    enough: float,
    least: float,
) -> Float[Tensor, "batch segments 1"]:
    """Each segment's share of what stands out of its window, 0 for padding; they sum to 1.

    A segment `enough` nepers above the floor (2 are 17 dB), or more, weighs 1 + `least`, one on the floor `least`.
    """
    frames = log_mel.shape[1]
    # A frame that reaches into the padding says nothing, but for the first: something must.
    whole = (valid_samples - WINDOW_SAMPLES) // HOP_SAMPLES + 1
    known = torch.arange(frames, device=log_mel.device) < whole.clamp_min(1)[:, None]
    levels = log_mel.masked_fill(~known[..., None], torch.nan)
    padded = torch.nn.functional.pad(levels, (0, 0, 0, heard.shape[1] * FRAMES_PER_SEGMENT - frames), value=torch.nan)
    level = padded.reshape(*heard.shape[:2], FRAMES_PER_SEGMENT, -1).nanmean(2)
    floor = level.nanquantile(FLOOR, 1, keepdim=True)
    above = (level - floor).nan_to_num().clamp_min(0).pow(NORM).mean(-1, keepdim=True).pow(1 / NORM) / enough
    weight = heard * (above.clamp_max(1) ** 3 + least)
    share: Tensor = weight / weight.sum(1, keepdim=True)
    return share
