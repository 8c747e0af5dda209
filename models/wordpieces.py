"""Texts as the tokens of an uncased BERT, from a local vocabulary. What a network makes of them belongs to the network."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from pipeline.base.errors import InputError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def tokenizer(vocab: Path, n_words: int, n_positions: int) -> BertWordPieceTokenizer:
    """The uncased WordPiece tokenizer of BERT (Devlin et al. 2019); texts end after `n_positions` tokens, the last of which is [SEP].

    Raises:
        InputError: the vocabulary cannot be read, lacks BERT's own tokens, or is not that of the network.
    """
    words = _words(vocab)
    if lacking := [token for token in SPECIAL if token not in words]:
        raise InputError(f"{vocab.name} lacks {', '.join(lacking)}: it is no vocabulary of BERT", "give the vocab.txt of bert-base-uncased")
    if (size := max(words.values()) + 1) != n_words:
        raise InputError(
            f"{vocab.name} has {size} words, the checkpoint {n_words}: its labels would be noise",
            "give the vocab.txt of the BERT that the checkpoint was trained from, for CheXbert bert-base-uncased",
        )
    made = BertWordPieceTokenizer(words, lowercase=True)
    made.enable_truncation(max_length=n_positions)
    return made


def _words(path: Path) -> dict[str, int]:
    """Token -> id of vocab.txt (one token a line) or tokenizer.json."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return {str(token): int(row) for token, row in json.loads(text)["model"]["vocab"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name} is not a vocabulary that can be read", "give the vocab.txt of bert-base-uncased") from error
    # Not splitlines(): the vocabulary has separators of other scripts among its tokens.
    return {token: row for row, token in enumerate(text.removesuffix("\n").split("\n"))}
