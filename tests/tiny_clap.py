"""A CLAP of the real layout, a thousand times smaller, with random weights: made and saved by transformers itself."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import ByteLevelBPETokenizer

SENTENCES = ["the sound of a dog barking", "rain on a roof", "a door bell rings twice", "an engine starts"]
AUDIO = {
    "depths": [1, 1, 1, 1],
    "num_attention_heads": [1, 2, 2, 4],
    "patch_embeds_hidden_size": 8,
    "hidden_size": 64,
    "aff_block_r": 2,
}
TEXT = {
    "vocab_size": 320,
    "hidden_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 48,
}


def save_tiny_clap(folder: Path, *, fusion: bool = False, seed: int = 0) -> Path:
    """Model, feature extractor and tokenizer, as `save_pretrained` lays them out."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    fused = {"enable_fusion": True, "fusion_type": "aff_2d"} if fusion else {}
    config = ClapConfig(audio_config=AUDIO | fused, text_config=TEXT, projection_dim=24)
    torch.manual_seed(seed)
    model: Any = ClapModel(config)
    for parameter in model.parameters():
        if parameter.dim() > 1:  # as it comes, all sounds are nearly the same to it
            torch.nn.init.normal_(parameter, std=1.5 * parameter[0].numel() ** -0.5)
    norm = model.audio_model.audio_encoder.batch_norm
    norm.running_mean.fill_(-40)
    norm.running_var.fill_(400)
    model.save_pretrained(folder)
    truncation = "fusion" if fusion else "rand_trunc"
    extractor: Any = ClapFeatureExtractor(frequency_min=50, truncation=truncation, padding="repeatpad")
    extractor.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def tokenizer() -> Any:
    """RoBERTa's, of four sentences."""
    from transformers import RobertaTokenizer

    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(SENTENCES, vocab_size=320, special_tokens=special, show_progress=False)
    made: Any = RobertaTokenizer(tokenizer_object=trained._tokenizer, model_max_length=40)
    return made
