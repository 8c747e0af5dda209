"""A CLIP and a SigLIP of one layer as transformers stores them, with a tokenizer of whole words."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
)
from twins import _parts

END = 1
VOCABULARY = {
    word: row
    for row, word in enumerate(("<pad>", "</s>", "<unk>", *_parts.WORDS, "normal", "abnormal", "cardiomegaly", "pneumothorax", "scoliosis"))
}
TEXT = {"vocab_size": len(VOCABULARY), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
VISION = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}


def write(folder: Path, kind: str = "clip") -> Path:
    """The snapshot folder."""
    torch.manual_seed(0)
    text = {**TEXT, "max_position_embeddings": 24, "eos_token_id": END, "bos_token_id": END, "pad_token_id": 0}
    if kind == "clip":
        network = CLIPModel(
            CLIPConfig(text_config={**text, "projection_dim": 8}, vision_config={**VISION, "projection_dim": 8}, projection_dim=8)
        )
        processor = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    else:
        network = SiglipModel(SiglipConfig(text_config={**text, "projection_size": 16}, vision_config=VISION))
        processor = SiglipImageProcessorPil(size={"height": 28, "width": 28}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    for parameter in network.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel(VOCABULARY, unk_token="<unk>"))
    words.normalizer, words.pre_tokenizer = Lowercase(), Whitespace()
    words.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", END)])
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
