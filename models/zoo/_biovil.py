"""The towers of BioViL (Boecking et al. 2022) and BioViL-T (Bannur et al. 2023), in the layout of hi-ml-multimodal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

from models.zoo import _bert, _contrast, _layout, _prompts, _resnet
from pipeline.base.errors import InputError

RESIZE_PX = 512
# Text heads that score nothing here: masked words.
_UNREAD_TEXT = ("cls.",)


class ImageTower(nn.Module):
    """A ResNet's last maps, projected patch by patch, and their mean.

    BioViL-T joins each patch to what changed since the last film; a film on its own is joined to a learnt "no film before".

    Args:
        state: tensors of the image model.
        name: its file, for errors.
    """

    def __init__(self, state: _layout.State, name: str) -> None:
        super().__init__()
        backbone = _layout.below(state, "encoder.encoder.")
        # torchvision's classifier is stored and unread.
        self.resnet = _resnet.resnet_of({key: tensor for key, tensor in backbone.items() if not key.startswith("fc.")}, name)
        hidden, planes, _, _ = _layout.shape(state, "projector.model.0.weight", name)
        width = _layout.shape(state, "projector.model.3.weight", name)[0]
        self.projector = nn.Sequential(
            nn.Conv2d(planes, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(inplace=True), nn.Conv2d(hidden, width, 1)
        )
        _layout.fill(self.projector, _layout.below(state, "projector.model."), name)
        self.reduce: nn.Conv2d | None = None
        if is_temporal(state):
            reduced, wide, _, _ = _layout.shape(state, "encoder.backbone_to_vit.weight", name)
            self.reduce = nn.Conv2d(wide, reduced, 1, bias=False)
            _layout.fill(self.reduce, _layout.below(state, "encoder.backbone_to_vit."), name)
            self.register_buffer("missing_previous", state["encoder.missing_previous_emb"].clone())

    def forward(self, films: Tensor) -> Tensor:
        """Embeddings (n, width), not of length one, of films (n, 3, height, width)."""
        patches = _resnet.maps(self.resnet, films)[1]
        if self.reduce is not None:
            patches = self.reduce(patches)
            before = self.get_buffer("missing_previous").expand(len(patches), -1, *patches.shape[2:])
            patches = torch.cat([patches, before], 1)
        projected: Tensor = self.projector(patches).mean((2, 3))
        return projected


class TextTower(nn.Module):
    """CXR-BERT with its projection of [CLS].

    Args:
        state: tensors of the text model.
        config: its config.json.
        name: its file, for errors.
    """

    def __init__(self, state: _layout.State, config: Path, name: str) -> None:
        super().__init__()
        self.bert = _bert.bert_of(_layout.below(state, "bert."), config, name)
        width, hidden = _layout.shape(state, "cls_projection_head.dense_to_hidden.weight", name)
        self.head = nn.ModuleDict(
            {
                "dense_to_hidden": nn.Linear(hidden, width),
                "LayerNorm": nn.LayerNorm(width, eps=1e-12),
                "dense_to_output": nn.Linear(width, width),
            }
        )
        _layout.fill(self.head, _layout.below(state, "cls_projection_head."), name)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embeddings (n, width), not of length one, of tokens (n, length)."""
        first = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
        hidden = self.head["LayerNorm"](nn.functional.gelu(self.head["dense_to_hidden"](first)))
        projected: Tensor = self.head["dense_to_output"](hidden)
        return projected


def is_temporal(state: _layout.State) -> bool:
    """Whether the image model is BioViL-T's."""
    return "encoder.missing_previous_emb" in state


def prepare(film: npt.NDArray[np.uint8], crop_px: int) -> Tensor:
    """Three equal planes, float32 (3, crop_px, crop_px), in [0, 1].

    The film's grey values are stretched to the whole range first; upstream's division of a constant film by nothing gives black.
    """
    grey = film.astype(float) - film.min()
    grey = (grey / (grey.max() or 1) * 255).astype(np.uint8)
    planes: Tensor = Compose([Resize(RESIZE_PX), CenterCrop(crop_px), ToTensor()])(Image.fromarray(grey))
    return planes.expand(3, crop_px, crop_px)


def load(
    folder: Path, pattern: str, options: _prompts.ContrastOptions, crop_px: int, device: torch.device, *, temporal: bool
) -> _contrast.ContrastScorer:
    """Both towers of a folder as published, ready to score.

    Args:
        folder: the snapshot of the model's repository.
        pattern: the image model's file in it.
        options: what is asked.
        crop_px: side of the film that is seen.
        device: where it runs.
        temporal: whether BioViL-T is asked for.

    Raises:
        InputError: files are missing or another model's.
    """
    path = _layout.one_of(folder, pattern)
    state = _layout.read(path)
    if is_temporal(state) is not temporal:
        names = ("biovil_t", "biovil") if is_temporal(state) else ("biovil", "biovil_t")
        raise InputError(f"{path.name} is the image model of {names[0]}, not of {names[1]}", f"load it as {names[0]}")
    images = ImageTower(state, path.name).to(device).eval()
    weights = _layout.one_of(folder, "model.safetensors", "pytorch_model.bin")
    written = {key: tensor for key, tensor in _layout.read(weights).items() if not key.startswith(_UNREAD_TEXT)}
    texts = TextTower(written, _layout.beside(folder, "config.json"), weights.name).to(device).eval()
    tokenizer = _bert.tokenizer_of(texts.bert, _layout.beside(folder, "vocab.txt"), texts.bert.config.max_position_embeddings)

    def embed(prompts: Sequence[str]) -> Tensor:
        # Upstream takes punctuation off the end of a prompt.
        found: Tensor = texts(*_bert.tokens(tokenizer, [prompt.rstrip("!?.") for prompt in prompts], None, device))
        return found

    contrasts = _prompts.contrasts(options.findings, "biovil", options.prompts)
    positive, negative = _contrast.directions(contrasts, embed, each_of_length_one=False)
    return _contrast.ContrastScorer(options.findings, partial(prepare, crop_px=crop_px), images, positive, negative, device)
