"""Which segments of a window stand out: a place is heard all the time, a sound now and then.

The mean of all segments is mostly the place, where a short sound is heard in five seconds of rain or of traffic. So a
segment counts by how far it rises above the floor of its window. A steady sound is its own floor: nothing rises, and
all segments count alike. So they do in a recording that is shorter than a window: it was cut to the sound itself.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ._mini_audio import FRAMES_PER_SEGMENT

FLOOR = 0.1
"""The floor of a band: this quantile of its level over the segments."""
NORM = 4
"""Which mean of the bands is taken: a whistle rises in few of them, and should be seen nevertheless."""


def prominence(
    log_mel: Float[Tensor, "batch frames bands"],
    heard: Float[Tensor, "batch segments 1"],
    whole: Bool[Tensor, " batch"],
    enough: float,
    least: float,
) -> Float[Tensor, "batch segments 1"]:
    """Each segment's share of what stands out of its window, 0 for padding; they sum to 1.

    A segment `enough` nepers above the floor (2 are 17 dB), or more, weighs 1 + `least`, one on the floor `least`.
    Segments of windows that are not `whole` count alike.
    """
    missing = heard.shape[1] * FRAMES_PER_SEGMENT - log_mel.shape[1]
    padded = torch.nn.functional.pad(log_mel, (0, 0, 0, missing), value=torch.nan)
    level = padded.reshape(*heard.shape[:2], FRAMES_PER_SEGMENT, -1).nanmean(2)
    above = (level - level.quantile(FLOOR, 1, keepdim=True)).clamp_min(0)
    rise = above.pow(NORM).mean(-1, keepdim=True).pow(1 / NORM) / enough
    weight = heard * torch.where(whole[:, None, None], rise.clamp_max(1) ** 3 + least, 1.0)
    share: Tensor = weight / weight.sum(1, keepdim=True)
    return share
