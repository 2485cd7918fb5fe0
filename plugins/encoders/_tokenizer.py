"""The words of a text encoder: a published `tokenizer.json`, which must fit the checkpoint that it serves."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from mgcld.errors import CheckpointError

from .._weights import located

FILE = "tokenizer.json"


def words_of(wish: str | None, weights: Path, *, else_from: str, who: str) -> Path:
    """The file that is wished for: by path, folder or hub id; without a wish the one beside the weights, or the hub's.

    Raises:
        WeightsUnavailable: it is not here and cannot be fetched.
    """
    beside = weights.with_name(FILE)
    if wish is None and beside.is_file():
        return beside
    return located(wish or else_from, files=[FILE], who=f"{who}'s tokenizer")[0]


class Tokens:
    """Texts to numbers, the same length for all texts of a batch; what is longer than `longest` is cut."""

    def __init__(self, file: Path, *, words: int, longest: int) -> None:
        """`words` is the number of rows in the checkpoint's table.

        Raises:
            CheckpointError: the file cannot be read, knows another number of words, or does not mark where a text
                begins, which is what such models read.
        """
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises nothing more special
            raise CheckpointError(f"{file} is no tokenizer.json: {error}", help="download it again") from error
        known = self._tokenizer.get_vocab_size()
        if known != words:
            raise CheckpointError(
                f"{file} knows {known} words, and the weights {words}: they do not belong together",
                help="leave the option `tokenizer` out, or name the tokenizer that the weights were made with",
            )
        if not self._tokenizer.encode("").ids:
            raise CheckpointError(f"{file} does not mark where a text begins", help="take the publisher's own file")
        padding = self._tokenizer.padding or {}
        pad = next((p for p in (padding.get("pad_token"), "[PAD]", "<pad>") if self._id(p) is not None), "[PAD]")
        self._tokenizer.enable_truncation(longest)
        self._tokenizer.enable_padding(pad_id=self._id(pad) or 0, pad_token=pad)

    def _id(self, token: str | None) -> int | None:
        return None if token is None else self._tokenizer.token_to_id(token)

    def __call__(self, texts: Sequence[str]) -> tuple[Int[Tensor, "texts tokens"], Int[Tensor, "texts tokens"]]:
        """The numbers, and 1 where a token is a word's and 0 where it only fills up."""
        encoded = self._tokenizer.encode_batch(list(texts))
        return torch.tensor([e.ids for e in encoded]), torch.tensor([e.attention_mask for e in encoded])
