"""The audio half of `mini`: log-mel frames, and small residual networks over them."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = 400  # 25 ms
HOP_SAMPLES = 160  # 10 ms
FFT_SAMPLES = 512
MEL_BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 125.0, 7_500.0
LOG_FLOOR = 1e-3
FRAMES_PER_SEGMENT = 32
SEGMENT_SAMPLES = FRAMES_PER_SEGMENT * HOP_SAMPLES  # 5120: 0.32 s
MEL_SHIFT, MEL_SCALE = 4.0, 0.4  # brings log-mel values to about zero mean and unit spread


def mel(hertz: Tensor) -> Tensor:
    """Hertz on the HTK mel scale (natural logarithm)."""
    return 1127.0 * torch.log1p(hertz / 700.0)


def mel_bank() -> Float[Tensor, "bins bands"]:
    """Triangles of equal width on the mel axis itself (torchaudio's are straight on the hertz axis: another bank)."""
    bins = mel(torch.linspace(0, SAMPLE_RATE / 2, FFT_SAMPLES // 2 + 1, dtype=torch.float64))
    low, high = (float(mel(torch.tensor(hertz, dtype=torch.float64))) for hertz in (LOWEST_HZ, HIGHEST_HZ))
    edges = torch.linspace(low, high, MEL_BANDS + 2, dtype=torch.float64)
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    bank = torch.minimum(rise, fall).clamp_min(0)
    bank[0] = 0
    return bank.float()


class LogMel(nn.Module):
    """log(mel magnitude + 0.001) of 25 ms Hann frames, 10 ms apart."""

    hann: Tensor
    bank: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("hann", torch.hann_window(WINDOW_SAMPLES), persistent=False)
        self.register_buffer("bank", mel_bank(), persistent=False)

    def forward(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames bands"]:
        """Frames = 1 + (samples - 400) // 160."""
        frames = samples.unfold(-1, WINDOW_SAMPLES, HOP_SAMPLES) * self.hann
        magnitude = torch.fft.rfft(frames, FFT_SAMPLES).abs()
        return torch.log(magnitude @ self.bank + LOG_FLOOR)


class Block(nn.Module):
    """Two 3x3 convolutions beside a 1x1 one; batch normalisation is folded into the weights."""

    def __init__(self, channels_in: int, channels_out: int, stride: int | tuple[int, int]) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels_in, channels_out, 3, stride, 1)
        self.b = nn.Conv2d(channels_out, channels_out, 3, 1, 1)
        self.skip = nn.Conv2d(channels_in, channels_out, 1, stride)

    def forward(self, x: Float[Tensor, "batch c t f"]) -> Float[Tensor, "batch c2 t2 f2"]:
        """Down by the stride on both axes."""
        inner: Tensor = self.b(torch.relu(self.a(x)))
        return torch.relu(inner + self.skip(x))


class Said(NamedTuple):
    """What the heads say of each segment; `tags` are logits, `acoustic` has no columns where that head is missing."""

    acoustic: Float[Tensor, "batch segments acoustic"]
    semantic: Float[Tensor, "batch segments text"]
    effects: Float[Tensor, "batch segments effects"]
    tags: Float[Tensor, "batch segments tags"]


class AudioNet(nn.Module):
    """Log-mel frames -> four heads for each segment of 32 frames."""

    def __init__(self, channels: list[int], hidden: int, acoustic: int, tags: int, text: int, effects: int) -> None:
        super().__init__()
        c = channels
        self.stem = nn.Conv2d(1, c[0], (7, 5), (4, 2), (2, 2))
        self.block1, self.block2 = Block(c[0], c[1], 2), Block(c[1], c[2], 2)
        self.block3, self.block4 = Block(c[2], c[3], 2), Block(c[3], c[4], (1, 2))
        self.hidden = nn.Linear(2 * c[4], hidden)
        self.acoustic = nn.Linear(hidden, acoustic) if acoustic else None
        self.semantic = nn.Linear(hidden, text)
        self.tags = nn.Linear(hidden, tags)
        self.effects = nn.Linear(hidden, effects)

    def forward(self, log_mel: Float[Tensor, "batch frames bands"]) -> Said:
        """Segments = ceil((frames - 2) / 32), from 3 frames on."""
        x = ((log_mel + MEL_SHIFT) * MEL_SCALE)[:, None].contiguous(memory_format=torch.channels_last)
        x = torch.relu(self.stem(x))
        x = self.block4(self.block3(self.block2(self.block1(x))))
        x = x.permute(0, 2, 3, 1).flatten(2)  # both frequency cells, side by side
        h = torch.relu(self.hidden(x))
        acoustic = h[..., :0] if self.acoustic is None else self.acoustic(h)
        return Said(acoustic, self.semantic(h), self.effects(h), self.tags(h))


class AudioNets(nn.ModuleList):
    """Networks that were trained apart, asked the same: the mean of two is wrong less often than either.

    Meaning, effects and tags have axes in common; the acoustic head has its own in each, and the first one's is kept.
    """

    def forward(self, log_mel: Float[Tensor, "batch frames bands"]) -> Said:
        """As one of them."""
        said = [net(log_mel) for net in self]
        means = (torch.stack(part).mean(0) for part in list(zip(*said, strict=True))[1:])
        return Said(said[0].acoustic, *means)


def segments_of(samples: int) -> int:
    """How many segments so many samples reach into (at least one)."""
    frames = 1 + max(samples - WINDOW_SAMPLES, 0) // HOP_SAMPLES
    return math.ceil(frames / FRAMES_PER_SEGMENT)


def least_samples(segments: int) -> int:
    """So many samples make so many segments: the network gives the last one a row from its third frame on."""
    return WINDOW_SAMPLES + HOP_SAMPLES * (FRAMES_PER_SEGMENT * (segments - 1) + 2)
