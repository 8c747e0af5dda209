"""A Gemma 3 of two layers with a SigLIP of one, as transformers stores it, and a tokenizer of whole words."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3ImageProcessorPil, Gemma3Processor, PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_image>", "<image_soft_token>", "<end_of_image>", "<turn>")
WORDS = (
    "Does",
    "this",
    "chest",
    "X",
    "ray",
    "show",
    "Yes",
    "No",
    "yes",
    "no",
    "Answer",
    "with",
    "or",
    "edema",
    "pneumonia",
    "pulmonary",
    "pneumothorax",
    "scoliosis",
)
VOCABULARY = {word: row for row, word in enumerate((*SPECIAL, *WORDS))}
SIDE, PATCHES = 28, 4
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<turn> {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<start_of_image>{% else %}{{ part['text'] }} {% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}<turn>{% endif %}"
)


def write(folder: Path) -> Path:
    """The snapshot folder."""
    torch.manual_seed(0)
    text = {
        "vocab_size": len(VOCABULARY), "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 16, "max_position_embeddings": 256, "pad_token_id": 0,
        "eos_token_id": 1, "bos_token_id": 2,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": SIDE, "patch_size": 7,
    }  # fmt: skip
    config = Gemma3Config(
        text_config=text,
        vision_config=vision,
        mm_tokens_per_image=PATCHES,
        boi_token_index=VOCABULARY["<start_of_image>"],
        eoi_token_index=VOCABULARY["<end_of_image>"],
        image_token_index=VOCABULARY["<image_soft_token>"],
    )
    network = Gemma3ForConditionalGeneration(config)
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    network.save_pretrained(folder)
    images = Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    Gemma3Processor(images, tokenizer(), chat_template=TEMPLATE, image_seq_length=PATCHES).save_pretrained(folder)
    return folder


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel(VOCABULARY, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    names = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        additional_special_tokens=["<turn>"],
        extra_special_tokens=names,
    )
