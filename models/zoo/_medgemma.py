"""MedGemma (Gemma 3 with a SigLIP) from a snapshot of transformers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

from models.zoo import _hf, _prompts, _yes_no
from pipeline.base.errors import InputError

SYSTEM = "You are an expert radiologist."


def load(folder: Path, asked: tuple[str, ...], precision: _yes_no.Precision, device: torch.device) -> _yes_no.YesNoScorer:
    """The model, ready to answer.

    Raises:
        InputError: files are missing or another model's.
    """
    processor, images = _hf.part_of(AutoProcessor, folder), _hf.part_of(AutoImageProcessor, folder, backend="pil")
    if not (getattr(processor, "chat_template", None) and hasattr(processor, "tokenizer")):
        raise InputError(f"{folder.name} has no chat template", "give the snapshot of a tuned model, with chat_template.jinja")
    dtype = _yes_no.dtype_of(precision, device)
    network = _hf.network_of(AutoModelForImageTextToText, folder, device, dtype)
    questions = [_tokens(processor, folder, _prompts.question(finding, "plain")) for finding in asked]
    # Logits of every token times 262,144 words would be gigabytes.
    ask = _yes_no.ask_by_tokens(partial(network, logits_to_keep=1), questions, "pixel_values", device, dtype)
    return _yes_no.YesNoScorer(asked, partial(_hf.pixels, processor=images), ask, *_yes_no.answers(processor.tokenizer))


def _tokens(processor: object, folder: Path, question: str) -> dict[str, Tensor]:
    """A question as the model card puts it, up to where the answer begins; a film takes the same tokens whatever it shows."""
    chat = [
        {"role": "system", "content": [{"type": "text", "text": SYSTEM}]},
        {"role": "user", "content": [{"type": "text", "text": question}, {"type": "image", "image": Image.new("RGB", (64, 64))}]},
    ]
    try:
        found = processor.apply_chat_template(  # type: ignore[attr-defined]
            chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
    except Exception as error:
        # The template is a program of the folder and may raise what it likes.
        raise InputError(f"the chat template of {folder.name} fails: {str(error)[:300]}", "give the snapshot as published") from error
    return {key: tensor for key, tensor in found.items() if key != "pixel_values" and isinstance(tensor, Tensor) and tensor.ndim == 2}
