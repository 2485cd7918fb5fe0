"""The second teacher: aiSFX, which learned the categories of libraries of sound effects. Its weights stay its own.

A. B. Ma and A. Lerch, Representation Learning for the Automatic Indexing of Sound Effects Libraries, ISMIR 2022; the
package `aisfx` carries the network (CC BY 4.0). It hears 44.1 kHz; a window of 16 kHz leaves its upper bands empty.
"""

from pathlib import Path

import numpy as np
import soxr
import torch
from mgcld_plugins.encoders._mini_audio import SAMPLE_RATE, SEGMENT_SAMPLES
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval
from torchaudio.functional import melscale_fbanks

RATE, BLOCK, HOP, BANDS = 44_100, 2048, 1024, 96
FULL = 9.457798957824707
"""The largest logarithm of a band's energy in that network's training: its inputs are divided by it."""
POOLS = ((2, 2), (2, 2), (2, 2), (1, 1))
STEP_SAMPLES = 8 * HOP
STEP_SECONDS = STEP_SAMPLES / RATE
BORDER_STEPS = 2
"""A window is mirrored for so many steps at both ends: cut off, its border is heard as a click."""
DIM = 512


class Effects:
    """The published network, on whole windows."""

    def __init__(self) -> None:
        self._net = _published()
        bands = melscale_fbanks(BLOCK // 2 + 1, 0.0, RATE / 2, BANDS, RATE, norm=None, mel_scale="htk")
        self._bands = bands / bands.sum(0).clamp_min(1e-9)

    def hear(self, window: np.ndarray) -> np.ndarray:
        """(segments, DIM) >= 0: the strongest of each feature in each segment; the window's are the strongest of those.

        `window` is (samples,), float32 in [-1, 1], 16 kHz; its level does not matter.
        """
        samples = np.pad(soxr.resample(window, SAMPLE_RATE, RATE), BORDER_STEPS * STEP_SAMPLES, "reflect")
        frames = self._frames(torch.from_numpy(samples))[None, None]
        with torch.inference_mode():
            steps = self._net(frames.to(torch.bfloat16, memory_format=torch.channels_last))[0].float()
        steps = steps[BORDER_STEPS:-BORDER_STEPS]
        segments = -(-len(window) // SEGMENT_SAMPLES)
        middle = (torch.arange(segments) + 0.5) * SEGMENT_SAMPLES / SAMPLE_RATE / STEP_SECONDS
        first = (middle - 1).round().long().clamp(0, len(steps) - 2)
        near = torch.maximum(steps[first], steps[first + 1])
        return near.numpy()

    def _frames(self, samples: Tensor) -> Tensor:
        """(samples,) -> (frames, BANDS): logarithms of energies, of the window at full level."""
        loud = samples / samples.abs().max().clamp_min(1e-6)
        spectrum = torch.stft(
            loud, BLOCK, HOP, window=torch.hann_window(BLOCK), pad_mode="constant", return_complex=True
        )
        energy = spectrum.abs().square().T @ self._bands
        return torch.log10(1 + 1e4 * energy) / FULL


class _Steps(nn.Module):
    """The network up to its features: (1, 1, frames, BANDS) -> (1, steps, DIM)."""

    def __init__(self, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block, pool in zip(self.blocks, POOLS, strict=True):
            x = block(x, pool_size=pool, pool_type="max")
        return x.mean(3).transpose(1, 2)


def _published() -> nn.Module:
    import aisfx
    from aisfx.models.cnn2d import EmbeddingNet

    file = Path(aisfx.__file__).parent / "models" / "checkpoint.pth"
    with torch.serialization.safe_globals(_COUNTS):
        weights, _ = torch.load(file, map_location="cpu", weights_only=True)
    net = EmbeddingNet("max", 3, 1, DIM // 8)
    own = {name.removeprefix("embedding_net."): t for name, t in weights.items() if name.startswith("embedding_net.")}
    net.load_state_dict(own)
    blocks = [net.eval().conv_block1, net.conv_block2, net.conv_block3, net.conv_block4]
    for block in blocks:
        block.conv1, block.bn1 = fuse_conv_bn_eval(block.conv1, block.bn1), nn.Identity()
        block.conv2, block.bn2 = fuse_conv_bn_eval(block.conv2, block.bn2), nn.Identity()
    return _Steps(blocks).to(torch.bfloat16, memory_format=torch.channels_last)


_COUNTS = [(np.int64(0).__reduce__()[0], "numpy.core.multiarray.scalar"), np.dtype, np.dtypes.Int64DType]
"""What the file holds beside tensors: numbers of classes."""
