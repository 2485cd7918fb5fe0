"""The network of `mini` as it is trained: with batch normalisation, and a head for the teacher's features."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mgcld_plugins.encoders._mini_audio import MEL_SCALE, MEL_SHIFT
from mgcld_plugins.encoders._mini_file import read_weights
from torch import Tensor, nn

CHANNELS = (32, 64, 128, 192, 256)
HIDDEN, ACOUSTIC, TEXT, EFFECTS, TAGS = 512, 256, 256, 128, 521
LAYERS = ("stem", "block1.b", "block2.b", "block3.b", "block4.b")
"""Those that say how wide each stage is."""
HEADS = ("acoustic", "semantic", "effects", "tags")
"""Those that the encoder keeps."""
RARE = -6.0
"""The tags' first bias: most of them are absent most of the time."""


class Heard(NamedTuple):
    """What the heads say of each segment: (batch, segments, ...); `tags` are logits."""

    acoustic: Tensor
    semantic: Tensor
    effects: Tensor
    tags: Tensor
    teacher: Tensor


def convolution(inputs: int, outputs: int, size: int | tuple[int, int], stride: int | tuple[int, int]) -> nn.Sequential:
    """A convolution that keeps the size but for its stride, and its normalisation."""
    padding = (size[0] // 2 - 1, size[1] // 2) if isinstance(size, tuple) else size // 2
    layer = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """As in the encoder: two 3x3 convolutions beside a 1x1 one."""

    def __init__(self, inputs: int, outputs: int, stride: int | tuple[int, int]) -> None:
        super().__init__()
        self.a = convolution(inputs, outputs, 3, stride)
        self.b = convolution(outputs, outputs, 3, 1)
        self.skip = convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, t, f) -> (batch, outputs, t', f')."""
        return torch.relu(self.b(torch.relu(self.a(x))) + self.skip(x))


class Student(nn.Module):
    """Log-mel frames (batch, frames, 64) -> what is heard in each segment of 32 frames."""

    def __init__(self, teacher: int = 256, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        c = channels
        self.stem = convolution(1, c[0], (7, 5), (4, 2))
        self.block1, self.block2 = Block(c[0], c[1], 2), Block(c[1], c[2], 2)
        self.block3, self.block4 = Block(c[2], c[3], 2), Block(c[3], c[4], (1, 2))
        self.hidden = nn.Sequential(nn.Linear(2 * c[4], HIDDEN), nn.BatchNorm1d(HIDDEN))
        self.acoustic, self.semantic = nn.Linear(HIDDEN, ACOUSTIC), nn.Linear(HIDDEN, TEXT)
        self.tags, self.effects = nn.Linear(HIDDEN, TAGS), nn.Linear(HIDDEN, EFFECTS)
        self.teacher = nn.Linear(HIDDEN, teacher)
        nn.init.constant_(self.tags.bias, RARE)

    def forward(self, log_mel: Tensor) -> Heard:
        """Segments as the encoder has them."""
        x = ((log_mel + MEL_SHIFT) * MEL_SCALE)[:, None].contiguous(memory_format=torch.channels_last)
        x = self.block4(self.block3(self.block2(self.block1(torch.relu(self.stem(x))))))
        x = x.permute(0, 2, 3, 1).flatten(2)
        h = torch.relu(self.hidden(x.flatten(0, 1))).unflatten(0, x.shape[:2])
        return Heard(self.acoustic(h), self.semantic(h), self.effects(h), self.tags(h), self.teacher(h))


def channels_of(tensors: dict[str, Tensor]) -> tuple[int, ...]:
    """Of the stem and the blocks of a network, folded or as it is trained."""
    return tuple(next(len(t) for name, t in tensors.items() if name.startswith(f"{layer}.")) for layer in LAYERS)


def audio_half(weights: Path) -> list[dict[str, Tensor]]:
    """The tensors of each network in a file that the encoder reads, as floats."""
    tensors, _ = read_weights(weights)
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        place, number, *rest = name.split(".", 2)
        if place == "audio" and number.isdigit():
            found.setdefault(number, {})[rest[0]] = tensor
    if not found:
        raise SystemExit(f"{weights} is of an earlier mini")
    return [found[number] for number in sorted(found, key=int)]


def begun_from(tensors: dict[str, Tensor], frames: Tensor) -> Student:
    """A student that says what a folded one says; `frames` (batch, frames, 64) show its normalisations what is usual.

    Heads that the folded one has not are as random as at the start.
    """
    student = Student(channels=channels_of(tensors))
    norms = [(name, module) for name, module in student.named_modules() if isinstance(module, nn.Sequential)]
    for name, (layer, norm) in norms:
        layer.weight.data.copy_(tensors[f"{name}.weight"])
        layer.register_forward_hook(partial(_usual, norm, tensors[f"{name}.bias"], layer.bias))
    for name in HEADS:
        if f"{name}.weight" in tensors:
            head = getattr(student, name)
            head.weight.data.copy_(tensors[f"{name}.weight"])
            head.bias.data.copy_(tensors[f"{name}.bias"])
    with torch.no_grad():
        student.eval()(frames)
    for _, (layer, _) in norms:
        layer._forward_hooks.clear()
    return student.train()


@torch.no_grad()
def _usual(norm: nn.Module, bias: Tensor, own: Tensor | None, _layer: nn.Module, _inputs: Any, output: Tensor) -> None:
    """The normalisation takes what comes as usual, and gives it back as it came, with the folded bias."""
    if own is not None:
        output -= own
        own.zero_()
    axes = [axis for axis in range(output.dim()) if axis != 1]
    norm.running_mean.copy_(output.mean(axes))
    norm.running_var.copy_(output.var(axes))
    norm.weight.copy_((norm.running_var + norm.eps).sqrt())
    norm.bias.copy_(norm.running_mean + bias)


def folded(student: Student) -> dict[str, Tensor]:
    """The encoder's tensors: normalisation put into the weights, without the teacher's head."""
    tensors: dict[str, Tensor] = {}
    for name, module in student.named_modules():
        if isinstance(module, nn.Sequential):
            tensors |= _folded(name, *module)
        elif name in HEADS:
            tensors |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
    return {name: tensor.detach().float() for name, tensor in tensors.items()}


def _folded(name: str, layer: nn.Module, norm: nn.Module) -> dict[str, Tensor]:
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    bias = norm.bias - norm.running_mean * scale
    if layer.bias is not None:
        bias = bias + layer.bias * scale
    return {f"{name}.weight": layer.weight * scale.view(-1, *[1] * (layer.weight.dim() - 1)), f"{name}.bias": bias}
