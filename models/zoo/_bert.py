"""A BERT from its tensors and its vocabulary, for the text towers of several systems. Pooling belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import BertWordPieceTokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from models import wordpieces
from models.zoo import _layout
from pipeline.base.errors import InputError

# Heads are 64 wide in every BERT that was published; config.json says otherwise where they are not.
_HEAD_WIDTH = 64
# Older releases of transformers also store the count of positions; the pooler is read by no system here.
_UNREAD = ("pooler.", "embeddings.position_ids")


def bert_of(state: _layout.State, config: Path | None, name: str) -> Any:
    """The encoder, filled, in evaluation mode; sizes are the tensors', the number of heads and the activation config.json's.

    Args:
        state: tensors named "embeddings..." and "encoder...".
        config: config.json, or None where there is none: then heads are 64 wide.
        name: the file, for errors.

    Raises:
        InputError: the tensors are no BERT's.
    """
    words, width = _layout.shape(state, "embeddings.word_embeddings.weight", name)
    told = _layout.read_json(config) if config else {}
    if "num_attention_heads" not in told and width % _HEAD_WIDTH:
        raise InputError(f"{name} is {width} wide, no multiple of {_HEAD_WIDTH}: its heads are unknown", "put its config.json beside it")
    network = BertModel(
        BertConfig(
            vocab_size=words,
            hidden_size=width,
            num_hidden_layers=_layout.count(state, "encoder.layer."),
            num_attention_heads=told.get("num_attention_heads", width // _HEAD_WIDTH),
            intermediate_size=_layout.shape(state, "encoder.layer.0.intermediate.dense.weight", name)[0],
            max_position_embeddings=_layout.shape(state, "embeddings.position_embeddings.weight", name)[0],
            type_vocab_size=_layout.shape(state, "embeddings.token_type_embeddings.weight", name)[0],
            hidden_act=told.get("hidden_act", "gelu"),
            layer_norm_eps=told.get("layer_norm_eps", 1e-12),
        ),
        add_pooling_layer=False,
    )
    _layout.fill(network, state, name, _UNREAD)
    return network.eval()


def tokenizer_of(network: Any, vocab: Path, longest: int) -> BertWordPieceTokenizer:
    """Its uncased tokenizer; texts end after `longest` tokens.

    Raises:
        InputError: the vocabulary is not that of the network.
    """
    return wordpieces.tokenizer(vocab, network.config.vocab_size, min(longest, network.config.max_position_embeddings))


def tokens(tokenizer: BertWordPieceTokenizer, texts: Sequence[str], length: int | None, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask, both (n, longest text), padded to `length` tokens where one is given.

    Raises:
        InputError: a text holds a token of BERT's own, such as [SEP], which would end it.
    """
    for text in texts:
        if found := next((token for token in wordpieces.SPECIAL if token in text), None):
            raise InputError(f"a prompt holds {found}: {text[:60]!r}", "write prompts in words alone")
    encoded = tokenizer.encode_batch(list(texts))
    longest = length or max(len(one.ids) for one in encoded)
    padding = tokenizer.token_to_id("[PAD]")
    ids = torch.tensor([one.ids + [padding] * (longest - len(one.ids)) for one in encoded])
    mask = torch.tensor([[1] * len(one.ids) + [0] * (longest - len(one.ids)) for one in encoded])
    return ids.to(device), mask.to(device)
