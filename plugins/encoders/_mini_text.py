"""The text half of `mini`: a table of word pieces, summed and normalised."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
from torch.nn.functional import normalize

UNKNOWN = 0


class TextTable:
    """A static text tower: the same word always weighs the same."""

    def __init__(self, table: Float[Tensor, "pieces text"], vocabulary: Sequence[str]) -> None:
        self.table = table
        pieces = {piece: index for index, piece in enumerate(vocabulary)}
        self._tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
        self._tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        self._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    @classmethod
    def of(cls, tensors: dict[str, Tensor], notes: dict[str, str], device: torch.device) -> "TextTable":
        """From what a weights file holds.

        Raises:
            ValueError: not a row for each piece.
        """
        vocabulary = notes["vocab"].split("\n")
        if len(vocabulary) != len(tensors["text.table"]) or "[UNK]" not in vocabulary:
            raise ValueError(f"{len(vocabulary)} word pieces for {len(tensors['text.table'])} rows")
        return cls(tensors["text.table"].to(device), vocabulary)

    def __call__(self, texts: Sequence[str]) -> Float[Tensor, "texts text"]:
        """Unit rows; a text without a single known piece is the vector of `unknown`."""
        rows = [self.table[self._known(encoding.ids)].sum(0) for encoding in self._tokenizer.encode_batch(list(texts))]
        return normalize(torch.stack(rows), dim=-1)

    @staticmethod
    def _known(ids: Sequence[int]) -> list[int]:
        return [piece for piece in ids if piece != UNKNOWN] or [UNKNOWN]
