"""MS-CLAP 2022 in the layout of its published file, a thousand times smaller, with random weights.

And what it should say, computed from the file's tensors alone: each step as the publisher's program takes it.
"""

import math
from pathlib import Path
from typing import Any

import torch
from mgcld_plugins.encoders._cnn14 import Cnn14
from mgcld_plugins.encoders._msclap_net import MsClap, Projection, Tower
from tokenizers.implementations import BertWordPieceTokenizer
from tokenizers.processors import BertProcessing
from torch import Tensor
from torch.nn import functional as F

WIDTHS, EMBEDDING, JOINT, HIDDEN, BETWEEN, LAYERS, POSITIONS, CLASSES = (3, 5, 7, 9, 11, 13), 17, 19, 20, 23, 2, 128, 29
SENTENCES = ["the sound of a dog barking", "rain on a roof", "a door bell rings twice", "an engine starts"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
AUDIO, TEXT = "audio_encoder.base.", "caption_encoder.base."


def save_tiny_msclap(folder: Path) -> Path:
    """CLAP_weights_2022.pth and tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    words = BertWordPieceTokenizer()
    words.train_from_iterator(SENTENCES, vocab_size=90, special_tokens=SPECIAL, show_progress=False)
    words.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    words.save(str(folder / "tokenizer.json"))
    state = tiny_state(words.get_vocab_size())
    torch.save({"model": state, "epoch": 7, "optimizer": _trained_with(state)}, folder / "CLAP_weights_2022.pth")
    return folder


def _trained_with(state: dict[str, Tensor]) -> dict[str, Any]:
    """The published file is three times as large as its model: an optimiser's state lies beside it."""
    parameter = state["logit_scale"].clone().requires_grad_()
    optimizer = torch.optim.Adam([parameter])
    parameter.square().backward()
    optimizer.step()
    return optimizer.state_dict()


def tiny_state(words: int) -> dict[str, Tensor]:
    """Every key of the published file."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=words,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=1,
        intermediate_size=BETWEEN,
        max_position_embeddings=POSITIONS,
    )
    audio = Tower(Cnn14(WIDTHS, EMBEDDING), Projection(EMBEDDING, JOINT))
    net: Any = MsClap(audio, Tower(BertModel(config), Projection(HIDDEN, JOINT)))
    for name, tensor in net.state_dict().items():
        if tensor.dim() >= 2:
            tensor.normal_(std=(2 / tensor[0].numel()) ** 0.5)
        elif name.endswith(("bias", "mean")):
            tensor.normal_(std=0.2)
        elif tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    net.audio_encoder.base.bn0.running_mean.fill_(-30.0)
    net.audio_encoder.base.bn0.running_var.fill_(300.0)
    return {**net.state_dict(), **_unneeded(net)}


def _unneeded(net: Any) -> dict[str, Tensor]:
    window = torch.hann_window(1024, dtype=torch.float64)
    turn = torch.outer(torch.arange(513), torch.arange(1024)).double() * 2 * math.pi / 1024
    return {
        f"{AUDIO}spectrogram_extractor.stft.conv_real.weight": (turn.cos() * window).float()[:, None],
        f"{AUDIO}spectrogram_extractor.stft.conv_imag.weight": (-turn.sin() * window).float()[:, None],
        f"{AUDIO}logmel_extractor.melW": net.audio_encoder.base.log_mel.bank.clone(),
        f"{AUDIO}fc_audioset.weight": torch.randn(CLASSES, EMBEDDING),
        f"{AUDIO}fc_audioset.bias": torch.randn(CLASSES),
        f"{TEXT}embeddings.position_ids": torch.arange(POSITIONS)[None],
        "logit_scale": torch.tensor(3.5),
    }


def feature_map(state: dict[str, Tensor], samples: Tensor) -> Tensor:
    """(batch, width, time, frequency): Fourier transform by convolution, mel, decibels, blocks."""
    padded = F.pad(samples[:, None], (512, 512), mode="reflect")
    kernels = [state[f"{AUDIO}spectrogram_extractor.stft.conv_{part}.weight"] for part in ("real", "imag")]
    power = sum(F.conv1d(padded, kernel, stride=320) ** 2 for kernel in kernels)
    mel = power.transpose(1, 2) @ state[f"{AUDIO}logmel_extractor.melW"]
    x = 10 * torch.log10(mel.clamp(min=1e-10))[:, None]
    x = _norm(state, f"{AUDIO}bn0", x.transpose(1, 3)).transpose(1, 3)
    for block in range(1, 7):
        for conv in (1, 2):
            name = f"{AUDIO}conv_block{block}."
            x = F.conv2d(x, state[f"{name}conv{conv}.weight"], padding=1)
            x = F.relu(_norm(state, f"{name}bn{conv}", x))
        x = F.avg_pool2d(x, 2) if block < 6 else x
    return x


def project(state: dict[str, Tensor], pooled: Tensor) -> Tensor:
    """From pooled features into the joint space, unit rows."""
    x = F.relu(F.linear(pooled, state[f"{AUDIO}fc1.weight"], state[f"{AUDIO}fc1.bias"]))
    name = "audio_encoder.projection."
    first = F.linear(x, state[f"{name}linear1.weight"])
    both = first + F.linear(F.gelu(first), state[f"{name}linear2.weight"])
    scale, shift = state[f"{name}layer_norm.weight"], state[f"{name}layer_norm.bias"]
    return F.normalize(F.layer_norm(both, (JOINT,), scale, shift), dim=-1)


def _norm(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    return F.batch_norm(x, mean, var, state[f"{name}.weight"], state[f"{name}.bias"])
