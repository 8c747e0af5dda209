"""A model of open_clip from a folder in its hub's layout, built part by part: nothing is fetched, no code of the folder runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer

from models.zoo import _contrast, _hf, _layout, _prompts
from pipeline.base.errors import InputError

_REMEDY = (
    "give the snapshot folder as published: open_clip_config.json, open_clip_model.safetensors or open_clip_pytorch_model.bin, tokenizer"
)
# Of these nothing can make the tokenizer run code or look elsewhere.
_TOKENIZER_OPTIONS = {"clean", "strip_sep_token", "language"}
_UNREAD = ("text.transformer.embeddings.position_ids",)
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors")


def load(folder: Path, options: _prompts.ContrastOptions, device: torch.device) -> _contrast.ContrastScorer:
    """Both towers, ready to score.

    Raises:
        InputError: files are missing, or the configuration asks for what is not here.
    """
    told = _layout.read_json(_layout.beside(folder, "open_clip_config.json"))
    config, weights = _model_config(told, folder), _layout.one_of(folder, *_WEIGHTS)
    try:
        network = (CustomTextCLIP if _has_own_text(config) else CLIP)(**{key: config[key] for key in config if key != "custom_text"})
        pixels = image_transform_v2(PreprocessCfg(**{**told.get("preprocess_cfg", {}), "size": network.visual.image_size}), is_train=False)
    except _hf.FAULTS as error:
        raise InputError(f"open_clip cannot build what open_clip_config.json describes: {str(error)[:300]}", _REMEDY) from error
    _layout.fill(network, _layout.read(weights), weights.name, _UNREAD)
    network = network.to(device).eval()
    tokenizer, length = _tokenizer(config["text_cfg"], folder), config["text_cfg"].get("context_length", 77)

    def embed_texts(prompts: Sequence[str]) -> Tensor:
        found: Tensor = network.encode_text(_tokens(tokenizer, prompts, length).to(device))
        return found

    def prepare(film: npt.NDArray[np.uint8]) -> Tensor:
        prepared: Tensor = pixels(Image.fromarray(film))
        return prepared

    contrasts = _prompts.contrasts(options.findings, "report", options.prompts)
    positive, negative = _contrast.directions(contrasts, embed_texts, each_of_length_one=True)
    return _contrast.ContrastScorer(options.findings, prepare, network.encode_image, positive, negative, device)


def _has_own_text(config: dict[str, Any]) -> bool:
    return bool(config.get("custom_text")) or "hf_model_name" in config["text_cfg"]


def _model_config(told: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The architecture, its text tower's configuration taken from the folder, no weights from elsewhere."""
    config = told.get("model_cfg")
    if not isinstance(config, dict) or not all(isinstance(config.get(part), dict) for part in ("vision_cfg", "text_cfg")):
        raise InputError("open_clip_config.json has no model_cfg with vision_cfg and text_cfg", _REMEDY)
    if "multimodal_cfg" in config:
        raise InputError("open_clip_config.json describes a CoCa, which writes captions", "give a model of two towers alone")
    text, vision = dict(config["text_cfg"]), dict(config["vision_cfg"])
    if "hf_model_name" in text:
        if not (folder / "config.json").is_file():
            raise InputError(
                f"the text tower is a {text['hf_model_name']}, and {folder.name} holds no config.json of it",
                f"put the config.json of {text['hf_model_name']} into the folder; nothing is downloaded",
            )
        _hf.part_of(AutoConfig, folder)
        text |= {"hf_model_name": str(folder), "hf_model_pretrained": False}
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    return {**config, "text_cfg": text, "vision_cfg": vision}


def _tokenizer(text: dict[str, Any], folder: Path) -> Any:
    length, given = text.get("context_length", 77), text.get("tokenizer_kwargs") or {}
    if not text.get("hf_tokenizer_name"):
        return SimpleTokenizer(context_length=length)
    if foreign := sorted(set(given) - _TOKENIZER_OPTIONS):
        raise InputError(f"open_clip_config.json gives the tokenizer {', '.join(foreign)}, which is not passed on", "take it out")
    _hf.part_of(AutoTokenizer, folder)
    return HFTokenizer(str(folder), context_length=length, tokenizer_mode=text.get("tokenizer_mode"), local_files_only=True, **given)


def _tokens(tokenizer: Any, prompts: Sequence[str], length: int) -> Tensor:
    """Ids, (n, length); open_clip would cut a prompt that is too long."""
    ids: Tensor = tokenizer(list(prompts), context_length=2 * length)
    padding = tokenizer(["a"], context_length=2 * length)[0, -1]
    for prompt, row in zip(prompts, ids, strict=True):
        if (row[length:] != padding).any():
            raise InputError(f"a prompt has more than {length} tokens: {prompt[:60]!r}", "shorten the prompt")
    return ids[:, :length]
