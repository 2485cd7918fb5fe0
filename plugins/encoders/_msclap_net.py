"""MS-CLAP 2022 as modules: CNN14 and BERT, each with a projection into the joint space, of the sizes of a checkpoint.

Written against `CLAP_weights_2022.pth`. Its keys are those of the publisher's modules: the first published program
loaded it strictly. What the joint space does not need of it is listed in `unneeded`, with what it must look like.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mgcld.errors import CheckpointError

from ._cnn14 import Cnn14
from ._state import Check, alike, fill, shaped, size, sizes_of_bert, unpickled

WHO = "msclap 2022"
AUDIO, TEXT = "audio_encoder", "caption_encoder"
BLOCKS = 6


class Projection(nn.Module):
    """Into the joint space; a residual step and a normalisation."""

    def __init__(self, size: int, joint: int) -> None:
        """From `size` to `joint` dimensions."""
        super().__init__()
        self.linear1 = nn.Linear(size, joint, bias=False)
        self.linear2 = nn.Linear(joint, joint, bias=False)
        self.layer_norm = nn.LayerNorm(joint)

    def forward(self, x: Float[Tensor, "*rows size"]) -> Float[Tensor, "*rows joint"]:
        """Not of unit length."""
        first = self.linear1(x)
        projected: Tensor = self.layer_norm(first + self.linear2(nn.functional.gelu(first)))
        return projected


class Tower(nn.Module):
    """A network and the projection of what it says."""

    def __init__(self, base: Any, projection: Projection) -> None:
        """`base` hears or reads."""
        super().__init__()
        self.base, self.projection = base, projection


class MsClap(nn.Module):
    """Both towers."""

    def __init__(self, audio: Tower, text: Tower) -> None:
        """Named as in the checkpoint."""
        super().__init__()
        self.audio_encoder, self.caption_encoder = audio, text

    def project(self, pooled: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows joint"]:
        """What CNN14 heard, in the joint space."""
        joint: Tensor = self.audio_encoder.projection(self.audio_encoder.base.embed(pooled))
        return joint

    def read(self, ids: Int[Tensor, "texts tokens"], mask: Int[Tensor, "texts tokens"]) -> Float[Tensor, "texts joint"]:
        """BERT's first token, in the joint space."""
        states = self.caption_encoder.base(input_ids=ids, attention_mask=mask).last_hidden_state
        joint: Tensor = self.caption_encoder.projection(states[:, 0])
        return joint


def load(path: Path) -> MsClap:
    """The published file, or one of its layout with other sizes: they are read off the tensors.

    Raises:
        CheckpointError: it is not such a file; names the keys that do not fit.
    """
    checkpoint = unpickled(path)
    state = checkpoint.get("model") if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise CheckpointError(
            f"{path} holds no `model` with tensors", help="it should be CLAP_weights_2022.pth of microsoft/msclap"
        )
    net = _of_its_sizes(state)
    fill(net, state, unneeded=unneeded(net), who=f"{WHO}, {path}")
    return net.eval().requires_grad_(False)


def unneeded(net: MsClap) -> dict[str, Check]:
    """Keys of the checkpoint that the joint space does not need, each with what it must look like."""
    log_mel = net.audio_encoder.base.log_mel
    fourier = torch.fft.rfft(torch.diag(log_mel.hann)).T[:, None]
    hidden = net.caption_encoder.base.config.hidden_size
    positions = torch.arange(net.caption_encoder.base.config.max_position_embeddings)
    audio, text = f"{AUDIO}.base", f"{TEXT}.base"
    return {
        f"{audio}.spectrogram_extractor.stft.conv_real.weight": alike(fourier.real),
        f"{audio}.spectrogram_extractor.stft.conv_imag.weight": alike(fourier.imag),
        f"{audio}.logmel_extractor.melW": alike(log_mel.bank),
        f"{audio}.fc_audioset.weight": shaped(None, net.audio_encoder.base.fc1.out_features),
        f"{audio}.fc_audioset.bias": shaped(None),
        f"{text}.pooler.dense.weight": shaped(hidden, hidden),
        f"{text}.pooler.dense.bias": shaped(hidden),
        f"{text}.embeddings.position_ids": lambda found: torch.equal(found, positions[None]),
        "logit_scale": shaped(),
    }


def _of_its_sizes(state: Mapping[str, Tensor]) -> MsClap:
    from transformers import BertConfig, BertModel

    blocks = [f"{AUDIO}.base.conv_block{number}.conv1.weight" for number in range(1, BLOCKS + 1)]
    widths = [size(state, block, who=WHO) for block in blocks]
    embedding = size(state, f"{AUDIO}.base.fc1.weight", who=WHO)
    joint = size(state, f"{AUDIO}.projection.linear1.weight", who=WHO)
    config = BertConfig(**sizes_of_bert(state, f"{TEXT}.base", who=WHO))
    return MsClap(
        Tower(Cnn14(widths, embedding), Projection(embedding, joint)),
        Tower(BertModel(config, add_pooling_layer=False), Projection(config.hidden_size, joint)),
    )
