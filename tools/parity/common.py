"""What both sides of a comparison share: sounds, sentences and random weights. Needs torch alone."""

import torch
from torch import Tensor, nn

LARGEST = 1e-4
"""How far any number of a unit row may lie from the reference's."""
RATE, LENGTHS = 48_000, (10, 5, 3)
"""Of the sounds for laion-clap: a whole clip, one that fits twice, one that leaves a rest (seconds)."""
SENTENCES = ["a dog barks", "the sound of rain on a tin roof, far away", "x", "Glass breaks! Then: silence."]
TEXTS = [*SENTENCES, "rain, and " * 60]
"""The last is longer than either model reads."""


def sounds(rate: int, seconds: float) -> Tensor:
    """(4, samples): noise, a swept tone with its harmonics in a little noise, knocks, and a loud tone in noise."""
    generator = torch.Generator().manual_seed(3)
    t = torch.arange(round(rate * seconds), dtype=torch.float64) / rate
    noise = torch.randn(4, len(t), generator=generator, dtype=torch.float64)
    sweep = sum(torch.sin(2 * torch.pi * n * (150 * t + 90 * t**2)) / n for n in range(1, 9))
    knocks = noise[2] * (0.01 + torch.exp(-30 * (t % 0.7)))
    tone = 0.7 * torch.sin(2 * torch.pi * 1000 * t) + 0.003 * noise[3]
    return torch.stack([0.1 * noise[0], 0.2 * sweep + 0.01 * noise[1], 0.3 * knocks, tone]).float()


@torch.no_grad()
def randomised(module: nn.Module) -> None:
    """Every weight random, of a size that lets signals through; statistics of normalisations too."""
    generator = torch.Generator().manual_seed(5)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.5, 1.5, generator=generator)
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            layer.weight.uniform_(0.5, 1.5, generator=generator)
            layer.bias.normal_(0, 0.1, generator=generator)
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.weight.normal_(0, (2 / layer.weight[0].numel()) ** 0.5, generator=generator)
            if layer.bias is not None:
                layer.bias.normal_(0, 0.1, generator=generator)
    for layer in module.modules():  # what a network sees first is decibels, -100 to 50
        if getattr(layer, "num_features", None) == 64 and isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(-30, 5, generator=generator)
            layer.running_var.uniform_(200, 500, generator=generator)
            break


def apart(found: Tensor, wanted: Tensor) -> tuple[float, float]:
    """The largest difference of two sets of unit rows, and how alike (median cosine) the reference's rows are.

    The second says that the first means something: rows that are all the same would agree however they were made.
    """
    found, wanted = (nn.functional.normalize(rows.float().flatten(0, -2), dim=-1) for rows in (found, wanted))
    alike = (wanted @ wanted.T)[~torch.eye(len(wanted), dtype=torch.bool)]
    return float((found - wanted).abs().max()), float(alike.median())


def judged(title: str, pairs: dict[str, tuple[Tensor, Tensor]]) -> int:
    """Print the differences of ours from the reference's; 0 if none is above `LARGEST`, else 1."""
    differences = []
    for name, (found, wanted) in pairs.items():
        assert found.shape == wanted.shape, (name, found.shape, wanted.shape)
        difference, alike = apart(found, wanted)
        shape = " x ".join(str(size) for size in wanted.shape)
        print(f"{title}: {name} ({shape}): {difference:.1e}; two of the reference's rows: cosine {alike:.3f}")
        differences.append(difference)
    return int(not all(difference <= LARGEST for difference in differences))
