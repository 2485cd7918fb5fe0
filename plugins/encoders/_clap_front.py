"""CLAP's front end in torch: what transformers' ClapFeatureExtractor makes of clips, on any device, and faster.

The Fourier transform is taken in double precision, as the extractor takes it: in single precision the rounding of a
loud tone is louder than the quiet bands beside it. Frames of a repeated clip that are the same are computed once.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

FLOOR = 1e-10
FRAMES_AT_ONCE = {"cpu": 128, "cuda": 2**14}
"""On a CPU so many stay in its cache; on a GPU they bound the memory (about 25 kB each)."""


class ClapFront(nn.Module):
    """Decibels of mel bands, with the rate, sizes, bank and padding of a checkpoint's own preprocessor_config.json."""

    hann: Tensor
    bank: Tensor

    def __init__(self, extractor: Any) -> None:
        """Take everything from a ClapFeatureExtractor, `rand_trunc` or `fusion`, of any `padding`."""
        super().__init__()
        self.sample_rate = int(extractor.sampling_rate)
        self.samples = int(extractor.nb_max_samples)
        self.hop, self.length = int(extractor.hop_length), int(extractor.fft_window_size)
        self.padding = str(extractor.padding)
        filters = extractor.mel_filters if extractor.truncation == "fusion" else extractor.mel_filters_slaney
        bank = torch.from_numpy(filters)
        used = bank.any(1).nonzero()
        self.bins = slice(int(used.min()), int(used.max()) + 1)
        self.register_buffer("bank", bank[self.bins].float(), persistent=False)
        self.register_buffer("hann", torch.hann_window(self.length, dtype=torch.float64), persistent=False)

    @torch.no_grad()
    def forward(self, clips: Float[Tensor, "clips samples"]) -> Float[Tensor, "clips frames bands"]:
        """Clips of one length, from one sample to `self.samples`; shorter ones are repeated and padded to that."""
        if clips.device.type == "cpu":  # one by one they stay in its cache
            return torch.cat([self._heard(clip) for clip in clips.split(1)])  # type: ignore[no-untyped-call]
        return self._heard(clips)

    def _heard(self, clips: Float[Tensor, "clips samples"]) -> Float[Tensor, "clips frames bands"]:
        edge, period, again, tail = self.length // 2, *self._layout(clips.shape[1])
        if not again:
            return self._levels(self._part(clips, 0, self.samples), edge, edge)
        head = tail - again
        first = self._levels(self._part(clips, 0, (head - 1) * self.hop + edge), edge, 0)
        last = self._levels(self._part(clips, tail * self.hop - edge, self.samples), 0, edge)
        whole, rest = divmod(again, period)
        once = first[:, -period:]
        return torch.cat([first, *[once] * whole, once[:, :rest], last], 1)

    def _layout(self, samples: int) -> tuple[int, int, int]:
        """The first frames are computed, the last `period` of them come again for `again` frames, up to frame `tail`.

        Frame f is centred at sample f * hop. It is the frame one clip earlier where the clip is a whole number of hops
        and both lie inside the repeated part.
        """
        period, rest = divmod(samples, self.hop)
        inside = math.ceil(self.length / 2 / self.hop)
        tail = min((self._end(samples) - self.length // 2) // self.hop + 1, self.samples // self.hop - inside)
        return period, 0 if rest else max(tail - inside - period, 0), tail

    def _end(self, samples: int) -> int:
        """Where a repeated clip ends and zeros begin; the extractor cuts the last repetition or leaves it out."""
        whole = self.samples // samples
        copies = {"repeatpad": whole, "repeat": whole + 1}.get(self.padding, 1)
        return min(copies * samples, self.samples)

    def _part(self, clips: Float[Tensor, "clips samples"], first: int, stop: int) -> Float[Tensor, "clips part"]:
        """These samples of the clips as they are repeated and padded."""
        samples = clips.shape[1]
        begin, end = first % samples, self._end(samples)
        laid = clips.repeat(1, -(-(begin + stop - first) // samples))[:, begin : begin + stop - first]
        laid[:, max(end - first, 0) :] = 0
        return laid

    def _levels(
        self, part: Float[Tensor, "clips part"], before: int, behind: int
    ) -> Float[Tensor, "clips frames bands"]:
        """Of every frame of a part, with so many mirrored samples at its ends."""
        mirrored = torch.cat([part[:, 1 : before + 1].flip(1), part, part[:, -behind - 1 : -1].flip(1)], 1)
        frames = mirrored.unfold(1, self.length, self.hop)
        at_once = max(1, FRAMES_AT_ONCE.get(frames.device.type, 128) // max(1, len(frames)))
        mel = torch.cat([self._mel(part) for part in torch.split(frames, at_once, 1)], 1)
        return mel.clamp_min_(FLOOR).log10_().mul_(10)

    def _mel(self, frames: Float[Tensor, "clips frames length"]) -> Float[Tensor, "clips frames bands"]:
        spectrum = torch.fft.rfft(frames * self.hann)[..., self.bins].to(torch.complex64)
        squares = torch.view_as_real(spectrum).square()
        return (squares[..., 0] + squares[..., 1]) @ self.bank
