"""A random Whisper of 85 kB in the files of a published one: 5 s of sound, all languages, letters for tokens."""

from pathlib import Path

import torch

RATE = 16_000
STYLE = "clotho > caption: "


def write(folder: Path, *, published: bool = False) -> Path:
    """Save it; `published` as in the days of MU-NLPC's: a pickle, and the feature extractor in its own file."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    signs = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    special = [f"<|{name}|>" for name in ("endoftext", "startoftranscript", *LANGUAGES, *signs)]
    letters = {letter: i for i, letter in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = WhisperTokenizer(vocab=letters, merges=[], additional_special_tokens=special)
    hear = WhisperFeatureExtractor(chunk_length=5)
    end = tokenizer.eos_token_id
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        max_source_positions=250,
        max_target_positions=64,
        decoder_start_token_id=tokenizer.convert_tokens_to_ids("<|startoftranscript|>"),
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        begin_suppress_tokens=[tokenizer.convert_tokens_to_ids("Ġ"), end],
        suppress_tokens=list(range(128, len(tokenizer) - 1)),  # nothing but letters that print
        init_std=0.5,
    )
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    model.generation_config.suppress_tokens = [i for i in config.suppress_tokens if i != end]
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    WhisperProcessor(hear, tokenizer).save_pretrained(folder)
    if published:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        (folder / "processor_config.json").unlink()
        hear.save_pretrained(folder)
    return folder
