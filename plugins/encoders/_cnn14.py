"""CNN14, the audio network of MS-CLAP 2022: 44.1 kHz samples in, one row for every 0.2322 s out.

Names and layout are those of the published checkpoint (`conv_block1` ... `fc1`), so that it loads key by key.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

SAMPLE_RATE = 44_100
FFT, HOP, BANDS = 1024, 320, 64
LOWEST_HERTZ, HIGHEST_HERTZ = 50.0, 14_000.0
FLOOR = 1e-10
SEGMENT_SAMPLES = 32 * HOP
"""Five halvings of the time axis: 32 frames to a row."""


class LogMel(nn.Module):
    """Decibels of mel bands, as torchlibrosa makes them: Hann, centred and mirrored frames, Slaney's bands."""

    hann: Tensor
    bank: Tensor

    def __init__(self) -> None:
        """Compute the bands; nothing of it is learned."""
        from transformers.audio_utils import mel_filter_bank

        super().__init__()
        bank = mel_filter_bank(
            FFT // 2 + 1, BANDS, LOWEST_HERTZ, HIGHEST_HERTZ, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("hann", torch.hann_window(FFT), persistent=False)
        self.register_buffer("bank", torch.from_numpy(bank).float(), persistent=False)

    def forward(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames bands"]:
        """Always float32: the quietest band lies 100 dB below full scale."""
        spectrum = torch.stft(samples, FFT, HOP, window=self.hann, center=True, pad_mode="reflect", return_complex=True)
        squares = torch.view_as_real(spectrum).square().sum(-1)
        decibels: Tensor = (squares.transpose(1, 2) @ self.bank).clamp_min(FLOOR).log10() * 10
        return decibels


class ConvBlock(nn.Module):
    """Two convolutions."""

    def __init__(self, channels: int, width: int) -> None:
        """From so many channels to `width`."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x: Float[Tensor, "batch channels frames bands"]) -> Float[Tensor, "batch width frames bands"]:
        """Frames and bands stay as many as they are."""
        between = torch.relu_(self.bn1(self.conv1(x)))
        made: Tensor = torch.relu_(self.bn2(self.conv2(between)))
        return made


class Cnn14(nn.Module):
    """Six blocks, time and frequency halved after each of the first five, and one layer behind the pooling."""

    def __init__(self, widths: Sequence[int], embedding: int) -> None:
        """The published sizes: widths 64, 128, 256, 512, 1024, 2048, and an embedding of 2048."""
        super().__init__()
        self.log_mel = LogMel()
        self.bn0 = nn.BatchNorm2d(BANDS)
        for number, (channels, width) in enumerate(zip([1, *widths], widths, strict=False), 1):
            self.add_module(f"conv_block{number}", ConvBlock(channels, width))
        self._blocks = [f"conv_block{number}" for number in range(1, len(widths) + 1)]
        self.fc1 = nn.Linear(widths[-1], embedding)

    def levels(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch 1 frames bands"]:
        """The normalised log-mel picture: kept apart from the rest, which may run less precisely."""
        by_band = self.log_mel(samples)[:, None].transpose(1, 3)
        normalised: Tensor = self.bn0(by_band).transpose(1, 3)
        return normalised

    def forward(self, levels: Float[Tensor, "batch 1 frames bands"]) -> Float[Tensor, "batch segments width"]:
        """The feature map's mean over frequency, one row a segment."""
        x = levels
        for name in self._blocks[:-1]:
            x = nn.functional.avg_pool2d(self.get_submodule(name)(x), 2)
        rows: Tensor = self.get_submodule(self._blocks[-1])(x).mean(3).transpose(1, 2)
        return rows

    def embed(self, pooled: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows embedding"]:
        """What stands before the projection."""
        return torch.relu(self.fc1(pooled))


def pooled(rows: Float[Tensor, "batch segments width"]) -> Float[Tensor, "batch width"]:
    """How CNN14 brings segments together: maximum plus mean. Of a single segment it makes twice that segment."""
    return rows.amax(1) + rows.mean(1)
