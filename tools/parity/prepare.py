"""Small tokenizers of the real kinds, WordPiece as BERT has it and byte pairs as RoBERTa has it.

python prepare.py FOLDER: writes FOLDER/bert/tokenizer.json and FOLDER/roberta/tokenizer.json.
"""

import sys
from pathlib import Path

from common import SENTENCES
from tokenizers.implementations import BertWordPieceTokenizer, ByteLevelBPETokenizer
from tokenizers.processors import BertProcessing, RobertaProcessing

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def main(folder: Path) -> None:
    """Train both on a few sentences."""
    bert, roberta = BertWordPieceTokenizer(), ByteLevelBPETokenizer()
    bert.train_from_iterator(SENTENCES, vocab_size=300, special_tokens=BERT, show_progress=False)
    bert.post_processor = BertProcessing(("[SEP]", BERT.index("[SEP]")), ("[CLS]", BERT.index("[CLS]")))
    roberta.train_from_iterator(SENTENCES, vocab_size=320, special_tokens=ROBERTA, show_progress=False)
    roberta.post_processor = RobertaProcessing(("</s>", ROBERTA.index("</s>")), ("<s>", ROBERTA.index("<s>")))
    for name, tokenizer in (("bert", bert), ("roberta", roberta)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(folder / name / "tokenizer.json"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
