"""In place of CheXagent-8b, whose program is not run here: GIT, which transformers carries, and which also puts a film before a text."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import CLIPImageProcessorPil, GitConfig, GitForCausalLM, GitProcessor, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = (
    *SPECIAL,
    "Yes",
    "No",
    "USER",
    ":",
    "<",
    "s",
    ">",
    "Does",
    "this",
    "chest",
    "contain",
    "a",
    "Edema",
    "Fracture",
    "Pneumothorax",
    "Scoliosis",
)
VOCABULARY = {word: row for row, word in enumerate(WORDS)}


def write(folder: Path) -> Path:
    """The snapshot folder."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {"vocab_size": len(WORDS), "max_position_embeddings": 128, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    network = GitForCausalLM(GitConfig(vision_config={**sizes, "image_size": 28, "patch_size": 14}, **sizes, **text))
    for parameter in network.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    network.save_pretrained(folder)
    words = Tokenizer(WordLevel(VOCABULARY, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), SPECIAL, strict=True))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="[CLS]", eos_token="[SEP]", **named)
    images = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    GitProcessor(images, tokenizer).save_pretrained(folder)
    images.save_pretrained(folder)
    return folder
