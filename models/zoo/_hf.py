"""Models that transformers itself carries, from a folder on this disk: no download, no code of the folder, no weight left at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer
from transformers.utils import logging

from models.zoo import _contrast, _prompts
from pipeline.base.errors import InputError

# A bar for every tower says nothing that `cxr` does not say.
logging.disable_progress_bar()

_REMEDY = "give the whole snapshot folder as published: config.json, the weights, preprocessor_config.json and the tokenizer's files"
# What from_pretrained raises of files that are missing, unsafe or another model's.
FAULTS = (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError, SafetensorError, UnpicklingError)
_SHOWN = 3


def part_of(kind: Any, folder: Path, **options: Any) -> Any:
    """What `kind.from_pretrained` makes of a local folder.

    Args:
        kind: an Auto class of transformers.
        folder: the snapshot.
        options: passed on.

    Raises:
        InputError: the folder does not hold it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder.name} is no folder", _REMEDY)
    settled = {"local_files_only": True, "trust_remote_code": False, **options}
    try:
        return kind.from_pretrained(str(folder), **settled)
    except FAULTS as error:
        first = str(error).strip().split("\n")[0]
        raise InputError(f"transformers cannot load {kind.__name__} from {folder.name}: {first[:300]}", _REMEDY) from error


def network_of(kind: Any, folder: Path, device: torch.device, dtype: torch.dtype = torch.float32, **options: Any) -> Any:
    """A network with every weight read from the folder, in evaluation mode on its device.

    Raises:
        InputError: as `part_of`; or weights are missing or of another shape, which transformers would draw at random.
    """
    network, told = part_of(kind, folder, output_loading_info=True, dtype=dtype, **options)
    unread = sorted([*told["missing_keys"], *(str(key[0]) for key in told["mismatched_keys"])])
    if unread:
        raise InputError(f"{folder.name} lacks {len(unread)} weights of the network, such as {', '.join(unread[:_SHOWN])}", _REMEDY)
    return network.to(device).eval()


def image_text(
    folder: Path,
    options: _prompts.ContrastOptions,
    device: torch.device,
    first: Callable[[Image.Image, int], Image.Image] | None = None,
) -> _contrast.ContrastScorer:
    """A model with `get_image_features` and `get_text_features` (CLIP, SigLIP and their kin), ready to score.

    Args:
        folder: the snapshot.
        options: what is asked.
        device: where it runs.
        first: done to a film before the folder's own image processor, with the side in pixels that this makes.

    Raises:
        InputError: files are missing or another model's.
    """
    network = network_of(AutoModel, folder, device)
    if not (hasattr(network, "get_image_features") and hasattr(network, "get_text_features")):
        raise InputError(f"{folder.name} holds a {type(network).__name__}, which embeds no images and texts in one space", _REMEDY)
    processor, tokenizer = part_of(AutoImageProcessor, folder, backend="pil"), part_of(AutoTokenizer, folder)
    if first is not None and "height" not in processor.size:
        raise InputError(f"the films of {folder.name} have no fixed height: {processor.size}", _REMEDY)
    prepare = partial(pixels, processor=processor, first=first)
    # Positions of XLM-RoBERTa begin at 2, which only its tokenizer knows.
    length = min(tokenizer.model_max_length, network.config.text_config.max_position_embeddings)

    def embed_images(films: Tensor) -> Tensor:
        return _features(network.get_image_features(pixel_values=films))

    # SigLIP was trained on texts padded to full length without a mask, whatever its tokenizer returns.
    masked = ("input_ids",) if network.config.model_type.startswith("siglip") else ("input_ids", "attention_mask")

    def embed_texts(prompts: Sequence[str]) -> Tensor:
        encoded = tokenizer(list(prompts), padding="max_length", max_length=length, truncation=False, return_tensors="pt")
        if (longest := encoded["input_ids"].shape[1]) > length:
            raise InputError(f"a prompt has {longest} tokens, {folder.name} reads {length}", "shorten the prompt")
        read = {key: encoded[key].to(device) for key in masked if key in encoded}
        return _features(network.get_text_features(**read))

    try:
        with torch.inference_mode():
            embed_images(prepare(np.zeros((64, 64), np.uint8))[None].to(device))
    except FAULTS as error:
        raise InputError(f"the {type(network).__name__} of {folder.name} wants more than pixels: {str(error)[:300]}", _REMEDY) from error
    contrasts = _prompts.contrasts(options.findings, "report", options.prompts)
    positive, negative = _contrast.directions(contrasts, embed_texts, each_of_length_one=True)
    return _contrast.ContrastScorer(
        options.findings,
        prepare,
        embed_images,
        positive,
        negative,
        device,
    )


def pixels(film: npt.NDArray[np.uint8], processor: Any, first: Callable[[Image.Image, int], Image.Image] | None = None) -> Tensor:
    """What the folder's image processor makes of a film shown in three equal planes, float32 (3, height, width)."""
    image = Image.fromarray(film)
    if first is not None:
        image = first(image, processor.size["height"])
    found: Tensor = processor(images=image.convert("RGB"), return_tensors="pt")["pixel_values"][0]
    return found


def _features(found: Any) -> Tensor:
    features: Tensor = found if isinstance(found, Tensor) else found.pooler_output
    return features
