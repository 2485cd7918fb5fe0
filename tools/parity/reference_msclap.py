"""Runs where `msclap` is installed: its own modules with random weights, and what they say of some sounds and texts.

python reference_msclap.py FOLDER: beside FOLDER/tokenizer.json it puts CLAP_weights_2022.pth, laid out as the published
file, and expected.safetensors.
"""

import sys
from pathlib import Path
from typing import Any

import msclap
import torch
import yaml
from common import TEXTS, randomised, sounds
from msclap.models.clap import CLAP
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast


def main(folder: Path) -> None:
    """Build, save, run."""
    options = yaml.safe_load((Path(msclap.__path__[0]) / "configs/config_2022.yml").read_text())
    words = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
    # Its constructor loads BERT by name: a small one stands in, of BERT's own width.
    BertModel(BertConfig(vocab_size=len(words), num_hidden_layers=2)).save_pretrained(folder / "bert")
    same = ("audioenc_name", "window_size", "hop_size", "mel_bins", "fmin", "fmax", "out_emb", "d_proj")
    clap = CLAP(
        **{name: options[name] for name in same},
        sample_rate=options["sampling_rate"],
        classes_num=options["num_classes"],
        text_model=str(folder / "bert"),
        transformer_embed_dim=options["transformer_embed_dim"],
    )
    randomised(clap)
    clap.eval()
    torch.save({"model": clap.state_dict(), "epoch": 3}, folder / "CLAP_weights_2022.pth")
    save_file(expected(clap, words, options), folder / "expected.safetensors")


@torch.no_grad()
def expected(clap: Any, words: Any, options: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Segments out of the package's own layers, and the package's own embeddings."""
    maps: list[torch.Tensor] = []
    clap.audio_encoder.base.conv_block6.register_forward_hook(lambda *called: maps.append(called[-1]))
    clip = clap.audio_encoder(sounds(options["sampling_rate"], options["duration"]))[0]
    single = 2 * maps[0].mean(3).transpose(1, 2)  # maximum plus mean of one segment
    segments = clap.audio_encoder.projection(torch.relu(clap.audio_encoder.base.fc1(single)))
    filled = {"max_length": options["text_len"], "padding": "max_length", "truncation": True, "return_tensors": "pt"}
    read = {name: tensor for name, tensor in words(TEXTS, **filled).items()}
    return {"segments": segments.contiguous(), "clip": clip, "text": clap.caption_encoder(read)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
