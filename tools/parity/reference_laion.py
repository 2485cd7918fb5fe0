"""Runs where `laion_clap` is installed: the package as it is, random weights, and what it says of sounds and texts.

python reference_laion.py FOLDER: beside FOLDER/tokenizer.json it puts checkpoint.pt, laid out as the published files,
and expected.safetensors. HF_HOME is filled with the small models that the package asks for.
"""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from common import LENGTHS, RATE, TEXTS, randomised, sounds
from safetensors.torch import save_file
from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

NUMBERS = {"epoch": np.float64(7), "best": np.float32(0.9), "step": np.int64(3)}
"""The published files hold numpy scalars too."""


def main(folder: Path) -> None:
    """Build, save, load with the package's own loader, run."""
    words = RobertaTokenizer(tokenizer_file=str(folder / "tokenizer.json"))
    config = RobertaConfig(  # roberta-base, of fewer layers and words
        vocab_size=len(words),
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        num_hidden_layers=2,
    )
    in_cache(folder / "tokenizer.json", RobertaModel(config))
    from laion_clap import CLAP_Module  # only now: it loads from the cache when it is imported

    clap = CLAP_Module(enable_fusion=False, device="cpu")
    assert len(clap.tokenize) == len(words), "the package did not find the tokenizer"
    randomised(clap.model)
    state = {f"module.{name}": tensor for name, tensor in clap.model.state_dict().items()}
    state["module.text_branch.embeddings.position_ids"] = torch.arange(514)[None]
    torch.save({"name": "random", **NUMBERS, "state_dict": state}, folder / "checkpoint.pt")
    clap.load_ckpt(str(folder / "checkpoint.pt"), verbose=False)
    save_file(expected(clap), folder / "expected.safetensors")


@torch.no_grad()
def expected(clap: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The package's own embeddings, and segments out of what its audio network says of the same sounds."""
    heard: list[dict[str, torch.Tensor]] = []
    clap.model.audio_branch.register_forward_hook(lambda *called: heard.append(called[-1]))
    made = {"text": torch.from_numpy(clap.get_text_embedding(TEXTS))}
    for seconds in LENGTHS:
        clip = clap.get_audio_embedding_from_data(sounds(RATE, seconds).numpy())
        segments = clap.model.audio_projection(heard.pop()["fine_grained_embedding"][:, ::32])
        made |= {f"clip of {seconds} s": torch.from_numpy(clip), f"segments of {seconds} s": segments}
    return {name: tensor.contiguous() for name, tensor in made.items()}


def in_cache(tokenizer: Path, roberta: RobertaModel) -> None:
    """What the package asks the hub for, where the hub's cache has it."""
    commit = "0" * 40
    for name in ("bert-base-uncased", "roberta-base", "facebook/bart-base"):
        model = Path(os.environ["HF_HOME"]) / "hub" / f"models--{name.replace('/', '--')}"
        (model / "refs").mkdir(parents=True, exist_ok=True)
        (model / "refs" / "main").write_text(commit)
        roberta.save_pretrained(model / "snapshots" / commit)
        shutil.copy(tokenizer, model / "snapshots" / commit)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
