"""OpenAI's CLIP (Radford et al. 2021) from a state_dict in its layout, and its tokens. Code and vocabulary are open_clip's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

from models.zoo import _layout
from pipeline.base.errors import InputError

# CLIP's heads are 64 wide.
_HEAD_WIDTH = 64
_UNREAD = ("input_resolution", "context_length", "vocab_size")


def clip_of(state: _layout.State, name: str) -> Any:
    """The CLIP with a vision transformer whose tensors these are, in float32, in evaluation mode.

    open_clip's own loader rounds to float16, which the checkpoints of CheXzero are not.

    Raises:
        InputError: it is another network.
    """
    width, _, _, patch = _layout.shape(state, "visual.conv1.weight", name)
    positions, _ = _layout.shape(state, "visual.positional_embedding", name)
    words, text_width = _layout.shape(state, "token_embedding.weight", name)
    network = CLIP(
        embed_dim=_layout.shape(state, "text_projection", name)[1],
        vision_cfg=CLIPVisionCfg(
            layers=_layout.count(state, "visual.transformer.resblocks."),
            width=width,
            head_width=_HEAD_WIDTH,
            patch_size=patch,
            image_size=patch * round((positions - 1) ** 0.5),
        ),
        text_cfg=CLIPTextCfg(
            context_length=_layout.shape(state, "positional_embedding", name)[0],
            vocab_size=words,
            width=text_width,
            heads=text_width // _HEAD_WIDTH,
            layers=_layout.count(state, "transformer.resblocks."),
        ),
        quick_gelu=True,
    )
    _layout.fill(network, state, name, _UNREAD)
    return network.eval()


@cache
def _tokenizer(context_length: int) -> SimpleTokenizer:
    return SimpleTokenizer(context_length=context_length)


def tokens(texts: Sequence[str], network: Any) -> Tensor:
    """Token ids of texts, (n, context_length), as CLIP's byte-pair encoding of 49,152 merges gives them.

    Raises:
        InputError: a text is too long, or the network has another vocabulary.
    """
    tokenizer = _tokenizer(network.context_length)
    if tokenizer.vocab_size != network.vocab_size:
        raise InputError(
            f"the checkpoint has {network.vocab_size} words, CLIP's vocabulary {tokenizer.vocab_size}",
            "give a checkpoint fine-tuned from OpenAI's CLIP",
        )
    for text in texts:
        if (length := len(tokenizer.encode(text)) + 2) > network.context_length:
            raise InputError(
                f"a prompt has {length} tokens, the network reads {network.context_length}: {text[:60]!r}", "shorten the prompt"
            )
    found: Tensor = tokenizer(list(texts))
    return found.to(torch.long)
