"""A checkpoint of laion-clap as a folder of transformers' ClapModel."""

import re
from pathlib import Path

from mgcld_plugins.encoders._laion_package import state_of
from torch import Tensor
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, PreTrainedTokenizerFast

LEFT = r"spectrogram_extractor|logmel_extractor|tscam_conv|audio_branch\.head|_transform\.|position_ids"
"""What ClapModel has no place for: front end, AudioSet's classes, heads of the training."""
NAMES = (
    (r"^audio_branch\.", "audio_model.audio_encoder."),
    (r"^text_branch\.", "text_model."),
    (r"_projection\.0\.", "_projection.linear1."),
    (r"_projection\.2\.", "_projection.linear2."),
    (r"\.bn0\.", ".batch_norm."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.attn\.", ".attention.self."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
)


def save_as_transformers(checkpoint: Path, tokenizer: Path, folder: Path) -> None:
    """Model, feature extractor and tokenizer; every tensor of ClapModel that can be learned is filled."""
    state = renamed(state_of(checkpoint))
    text = {
        "vocab_size": len(state["text_model.embeddings.word_embeddings.weight"]),
        "layer_norm_eps": 1e-5,
        "num_hidden_layers": len({name.split(".")[3] for name in state if name.startswith("text_model.encoder.layer")}),
    }
    model = ClapModel(ClapConfig(text_config=text))
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    assert all("relative_position_index" in name or "_ids" in name for name in missing), missing
    model.save_pretrained(folder)
    ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad", frequency_min=50).save_pretrained(folder)
    words = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer), pad_token="<pad>", model_max_length=512)
    words.save_pretrained(folder)


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """By ClapModel's names; query, key and value apart."""
    made: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if re.search(LEFT, name) or re.search(r"^audio_branch.*attn_mask", name):
            continue
        for old, new in NAMES:
            name = re.sub(old, new, name)
        parts = tensor.chunk(3) if ".qkv." in name else [tensor]
        kinds = ("query", "key", "value") if len(parts) == 3 else ("",)
        made |= {name.replace("qkv", kind): part for kind, part in zip(kinds, parts, strict=True)}
    return made
