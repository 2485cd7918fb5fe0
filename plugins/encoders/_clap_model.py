"""A ClapModel of transformers from a folder: whole or not at all, with its tokenizer and its front end."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mgcld.errors import CheckpointError

from .._weights import File
from ._clap_front import ClapFront

WEIGHTS: File = ("model.safetensors", "pytorch_model.bin")
FRONT: File = ("preprocessor_config.json", "processor_config.json")
FILES: tuple[File, ...] = (WEIGHTS, "config.json", FRONT, ("tokenizer.json", "vocab.json"))
BESIDE = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")
DERIVED = ("position_ids", "token_type_ids", "relative_position_index", "num_batches_tracked")
"""Ends of names of tensors that are not learned; older checkpoints lack some of them."""
ANOTHER = "name a checkpoint of transformers' ClapModel, for instance laion/clap-htsat-unfused"


@dataclass(frozen=True, slots=True)
class ClapParts:
    """What a checkpoint's folder holds."""

    net: Any
    """ClapModel, float32, on the CPU, for inference alone."""
    tokenizer: Any
    front: ClapFront
    segments: int
    """Rows in time of one clip's audio features."""
    longest_text: int
    """Tokens."""


def load_clap(folder: Path) -> ClapParts:
    """Everything of a checkpoint.

    Raises:
        CheckpointError: it is no ClapModel, or a damaged one, weights are missing in it, or its parts do not fit.
    """
    _check_type(folder / "config.json")
    try:
        with _without_bars():
            net, tokenizer, front = _read(folder)
    except Exception as error:  # whatever the library stumbles over in a damaged file
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{folder} cannot be read as a CLAP model: {first}", help=ANOTHER) from error
    audio, text = net.config.audio_config, net.config.text_config
    room = text.max_position_embeddings - (text.pad_token_id or 0) - 1  # RoBERTa counts from behind its padding
    return ClapParts(
        net=net.eval().requires_grad_(False),
        tokenizer=tokenizer,
        front=front,
        segments=segments_of(audio),
        longest_text=min(room, tokenizer.model_max_length),
    )


def segments_of(audio: Any) -> int:
    """Rows in time of the last feature map: columns of the folded spectrogram, times its strips."""
    stride = audio.patch_stride[1] if isinstance(audio.patch_stride, list | tuple) else audio.patch_stride
    columns = audio.spec_size // 2 ** (len(audio.depths) - 1) // stride
    return int(columns * (audio.spec_size // audio.num_mel_bins))


def _check_type(path: Path) -> None:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}", help=ANOTHER) from error
    if kind != "clap":
        raise CheckpointError(f"{path.parent} holds a model of type {kind}, not of type clap", help=ANOTHER)


def _read(folder: Path) -> tuple[Any, Any, Any]:
    from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

    load: Any = ClapModel.from_pretrained  # Any: its annotation does not know that it may return two things
    net, told = load(folder, dtype=torch.float32, local_files_only=True, output_loading_info=True)
    missing = sorted(name for name in told["missing_keys"] if not name.endswith(DERIVED))
    if missing:
        raise ValueError(f"{len(missing)} of its tensors are missing, {missing[0]} among them")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    _check_words(tokenizer, net.config.text_config)
    # What another extractor's options do not say would be taken from the class: a front end, but a wrong one.
    options, _ = ClapFeatureExtractor.get_feature_extractor_dict(folder, local_files_only=True)
    kind = options.get("feature_extractor_type")
    if kind != ClapFeatureExtractor.__name__:
        raise ValueError(f"its front end is of type {kind}, not ClapFeatureExtractor")
    front = ClapFront(ClapFeatureExtractor.from_pretrained(folder, local_files_only=True))
    _check_bands(front, net.config.audio_config)
    return net, tokenizer, front


def _check_words(tokenizer: Any, text: Any) -> None:
    if len(tokenizer) > text.vocab_size:
        raise ValueError(f"its tokenizer knows {len(tokenizer)} words, and the weights {text.vocab_size}")
    if tokenizer.pad_token is None:
        raise ValueError("its tokenizer has no token to fill up with")


def _check_bands(front: ClapFront, audio: Any) -> None:
    frames, bands = 1 + front.samples // front.hop, front.bank.shape[1]
    most = audio.spec_size * (audio.spec_size // audio.num_mel_bins)
    if bands != audio.num_mel_bins or frames > most:
        hears = f"its network hears at most {most} frames of {audio.num_mel_bins} bands"
        raise ValueError(f"{hears}, and its front end makes {frames} of {bands}")


@contextlib.contextmanager
def _without_bars() -> Iterator[None]:
    """Reading from the disk takes a moment: no progress bar for that."""
    from transformers.utils import logging as library

    logging: Any = library  # Any: not annotated there

    shown = logging.is_progress_bar_enabled()
    if shown:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
