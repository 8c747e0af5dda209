"""CheXagent from a pinned snapshot: the 8B model, which takes pixels, and the 2-3B model, which opens a file named in its prompt."""

from __future__ import annotations

import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer

from models.zoo import _hf, _prompts, _yes_no
from pipeline.base.errors import InputError

SYSTEM = "You are a helpful assistant."
# What stands in a prompt is read by the model's program: nothing but our own plain name of a file gets there.
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")


def load(folder: Path, asked: tuple[str, ...], precision: _yes_no.Precision, device: torch.device) -> _yes_no.YesNoScorer:
    """The model, ready to answer. The snapshot must have been pinned before: its program runs here.

    Raises:
        InputError: the program does not load, or is neither of the two.
    """
    dtype = _yes_no.dtype_of(precision, device)
    network = _hf.network_of(AutoModelForCausalLM, folder, device, dtype, trust_remote_code=True, use_safetensors=True)
    questions = [_prompts.question(finding, "chexagent") for finding in asked]
    if (folder / "preprocessor_config.json").is_file():
        processor = _hf.part_of(AutoProcessor, folder, trust_remote_code=True)
        return by_pixels(network, processor, asked, questions, device, dtype)
    tokenizer = _hf.part_of(AutoTokenizer, folder, trust_remote_code=True)
    return by_path(network, tokenizer, asked, questions, device)


def by_pixels(
    network: Any, processor: Any, asked: tuple[str, ...], questions: list[str], device: torch.device, dtype: torch.dtype
) -> _yes_no.YesNoScorer:
    """CheXagent-8b: its processor makes pixels and tokens, as upstream's first demo shows."""

    def inputs(image: Image.Image, question: str) -> dict[str, Tensor]:
        return dict(processor(images=[image.convert("RGB")], text=f" USER: <s>{question} ASSISTANT: <s>", return_tensors="pt"))

    def pixels(film: npt.NDArray[np.uint8]) -> Tensor:
        found: Tensor = inputs(Image.fromarray(film), questions[0])["pixel_values"][0]
        return found

    blank = Image.new("L", (64, 64))
    tokens = [{key: tensor for key, tensor in inputs(blank, question).items() if key != "pixel_values"} for question in questions]
    ask = _yes_no.ask_by_tokens(network, tokens, "pixel_values", device, dtype)
    return _yes_no.YesNoScorer(asked, pixels, ask, *_yes_no.answers(processor.tokenizer))


def by_path(network: Any, tokenizer: Any, asked: tuple[str, ...], questions: list[str], device: torch.device) -> _yes_no.YesNoScorer:
    """CheXagent-2-3b: a film is written to a private file whose path the prompt carries, and removed when it has been read.

    Raises:
        InputError: the configuration does not tell the side of the films, or the tokenizer is another model's.
    """
    visual = getattr(network.config, "visual", None)
    side = visual.get("image_size") if isinstance(visual, dict) else getattr(visual, "image_size", None)
    if not isinstance(side, int) or not hasattr(tokenizer, "from_list_format"):
        raise InputError(
            "the snapshot is neither CheXagent-8b (preprocessor_config.json) nor CheXagent-2-3b (visual.image_size, from_list_format)",
            "give one of the two as published; its encoders XraySigLIP and XrayCLIP load as hf_image_text",
        )

    def ask(films: Tensor, row: int) -> Tensor:
        return torch.cat([_ask_by_path(network, tokenizer, film, questions[row], device) for film in films])

    return _yes_no.YesNoScorer(asked, partial(squared, side=side), ask, *_yes_no.answers(tokenizer))


def squared(film: npt.NDArray[np.uint8], side: int) -> Tensor:
    """The film stretched to the square that the model sees, uint8 (side, side), so that films of any size make one batch."""
    return torch.from_numpy(np.array(Image.fromarray(film).resize((side, side), Image.Resampling.BICUBIC)))


def _ask_by_path(network: Any, tokenizer: Any, film: Tensor, question: str, device: torch.device) -> Tensor:
    with tempfile.TemporaryDirectory(prefix="cxr-") as folder:
        path = Path(folder) / "film.png"
        if not _PLAIN.fullmatch(str(path)):
            raise InputError(
                f"the folder for temporary files, {path.parent.parent}, has a name that may not stand in a prompt", "set TMPDIR"
            )
        Image.fromarray(film.cpu().numpy()).save(path)
        query = tokenizer.from_list_format([{"image": str(path)}, {"text": question}])
        chat = [{"from": "system", "value": SYSTEM}, {"from": "human", "value": query}]
        ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt")
        # Later releases of transformers return a mapping where 4.40 returned the tokens.
        ids = ids if isinstance(ids, Tensor) else ids["input_ids"]
        logits: Tensor = network(input_ids=ids.to(device)).logits[:, -1]
        return logits
