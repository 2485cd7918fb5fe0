"""A network that writes text about sound, as transformers loads it by itself, and its decoding without chance."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor

from mgcld.errors import CheckpointError, ConfigError

from .._batches import placed
from .._weights import File

FILES: tuple[File, ...] = (
    ("model.safetensors", "pytorch_model.bin"),
    "config.json",
    ("preprocessor_config.json", "processor_config.json"),
    ("tokenizer.json", "vocab.json"),
)
OPTIONAL = (
    "generation_config.json",
    "tokenizer_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "normalizer.json",
    "processor_config.json",
)
BEGINNING = ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")
"""Where a Whisper of many languages begins; one of English alone knows the first and the last."""
KEPT = (
    "eos_token_id",
    "pad_token_id",
    "bos_token_id",
    "decoder_start_token_id",
    "suppress_tokens",
    "begin_suppress_tokens",
)
"""What is taken over of the model's own generation config."""
_HELP = "name a captioner that transformers loads as AutoModelForSpeechSeq2Seq; code that comes with one is never run"


class SpeechToText:
    """Network, feature extractor, tokenizer and how they are used."""

    def __init__(
        self,
        folder: Path,
        *,
        device: torch.device,
        dtype: torch.dtype,
        beams: int,
        most_tokens: int,
        prefix: str,
    ) -> None:
        """Every text begins with `prefix`, which is not shown.

        Raises:
            CheckpointError: the folder holds no such network, or a damaged one.
            ConfigError: more tokens than the network has room for.
            OutOfDeviceMemory: the device's memory does not hold it.
        """
        network, self._hear, self._tokenizer = _loaded(folder, dtype)
        self._network: Any = placed(network, device, "captioner generative")
        self.rate = int(self._hear.sampling_rate)
        """Of the samples (hertz)."""
        tokens = [*self._beginning(folder), *self._tokenizer(prefix, add_special_tokens=False).input_ids]
        self._start: Int[Tensor, "1 tokens"] = torch.tensor([tokens], device=device)
        room = getattr(self._network.config, "max_target_positions", None)
        if room is not None and len(tokens) + most_tokens > room:
            help = f"the model has room for {room - len(tokens)}"
            raise ConfigError(f"captioner.most_tokens: {most_tokens} is too much", help=help)
        self._search = _search(self._network.generation_config, beams, most_tokens)

    @torch.no_grad()
    def __call__(self, samples: Float32[np.ndarray, "batch samples"]) -> list[str]:
        """One text for each row; it may be empty."""
        from transformers import GenerationMixin

        heard = self._hear(list(samples), sampling_rate=self.rate, return_attention_mask=True, return_tensors="pt")
        inputs = {name: self._placed(value) for name, value in heard.items()}
        start = self._start.expand(len(samples), -1)
        # Not the network's own `generate`: Whisper's is made for long speech and takes no beginning of ours.
        written = GenerationMixin.generate(
            self._network, **inputs, decoder_input_ids=start, generation_config=self._search
        )
        texts = self._tokenizer.batch_decode(written[:, start.shape[1] :], skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def _placed(self, value: Tensor) -> Tensor:
        return value.to(self._start.device, self._network.dtype if value.is_floating_point() else value.dtype)

    def _beginning(self, folder: Path) -> list[int]:
        """The tokens that the network itself begins with."""
        config, own = self._network.config, self._network.generation_config
        if config.model_type == "whisper":
            signs = BEGINNING if getattr(own, "is_multilingual", True) else BEGINNING[::3]
            tokens = [self._tokenizer.convert_tokens_to_ids(sign) for sign in signs]
        else:
            tokens = [own.decoder_start_token_id]
        if None in tokens or self._tokenizer.unk_token_id in tokens:
            raise CheckpointError(f"{folder}: the tokenizer does not know how a text begins", help=_HELP)
        return tokens


def _search(own: Any, beams: int, most_tokens: int) -> Any:
    from transformers import GenerationConfig

    kept = {name: getattr(own, name, None) for name in KEPT}
    config: Any = GenerationConfig
    return config(do_sample=False, num_beams=beams, max_new_tokens=most_tokens, **kept)


def _loaded(folder: Path, dtype: torch.dtype) -> tuple[Any, Any, Any]:
    """Network, feature extractor and tokenizer; Any, for transformers' Auto classes are not typed.

    Raises:
        CheckpointError: they cannot be loaded, or weights are missing.
    """
    import transformers

    library: Any = transformers
    library.utils.logging.disable_progress_bar()  # it would stand in the journal
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        network, found = library.AutoModelForSpeechSeq2Seq.from_pretrained(
            folder, dtype=dtype, output_loading_info=True, **local
        )
        hear = library.AutoFeatureExtractor.from_pretrained(folder, **local)
        tokenizer = library.AutoTokenizer.from_pretrained(folder, **local)
    except Exception as error:  # whatever a damaged file leads to in there
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{folder} holds no captioner that can be used: {said}", help=_HELP) from error
    missing = sorted(found["missing_keys"])
    if missing:
        raise CheckpointError(f"{folder} lacks {len(missing)} weights, {missing[0]} among them", help=_HELP)
    return network.eval().requires_grad_(False), hear, tokenizer
