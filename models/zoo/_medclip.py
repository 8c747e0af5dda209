"""The towers of MedCLIP (Wang et al. 2022) in its own layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import SwinConfig, SwinModel
from transformers.utils import logging

from models.zoo import _bert, _layout, _prompts, _resnet
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ScoreKind

# A bar for every tower says nothing that `cxr` does not say.
logging.disable_progress_bar()

SIDE_PX, MEAN, STD, LONGEST = 224, 0.5862785803043838, 0.27950088968644304, 77
# `compute_logits` clamps the logarithm of the temperature to [0, ln 100] whenever it is used.
MAX_LOG_SCALE = 4.6052
Resampling = Literal["bicubic", "bilinear"]


class SwinTower(nn.Module):
    """A Swin transformer's pooled output, projected.

    Args:
        state: tensors below "vision_model.".
        name: the file, for errors.
    """

    def __init__(self, state: _layout.State, name: str) -> None:
        super().__init__()
        self.model = _swin_of(_layout.below(state, "model."), name)
        width, pooled = _layout.shape(state, "projection_head.weight", name)
        self.projection_head = nn.Linear(pooled, width, bias=False)
        _layout.fill(self.projection_head, _layout.below(state, "projection_head."), name)

    def forward(self, films: Tensor) -> Tensor:
        """Embeddings (n, width) of pixels (n, 3, 224, 224)."""
        embedded: Tensor = self.projection_head(self.model(films).pooler_output)
        return embedded


@dataclass(slots=True)
class MedClipScorer:
    """Mean or maximum of the logits of a finding's prompts.

    Attributes:
        images: the image tower on `device`.
        prompts: embeddings of length one, one tensor (prompts, width) a finding, on `device`.
        scale: what turns cosines into logits.
        pooling: how prompts are joined.
        resampling: how films are resized.
    """

    findings: tuple[str, ...]
    images: nn.Module
    prompts: Sequence[Tensor]
    scale: float
    pooling: Literal["mean", "max"]
    resampling: Resampling
    device: torch.device
    score_kind: ScoreKind = "logit"

    def prepare(self, film: npt.NDArray[np.uint8]) -> Tensor:
        """As `Scorer.prepare`."""
        return prepare(film, self.resampling)

    def score(self, films: Tensor) -> Tensor:
        """As `Scorer.score`."""
        with torch.inference_mode():
            images = normalize(self.images(films.to(self.device)), dim=-1)
            logits = [images @ texts.T * self.scale for texts in self.prompts]
            columns = [one.mean(1) if self.pooling == "mean" else one.amax(1) for one in logits]
        return torch.stack(columns, 1).cpu()


def load(
    folder: Path, asked: tuple[str, ...], pooling: Literal["mean", "max"], resampling: Resampling, device: torch.device
) -> MedClipScorer:
    """Both towers of a folder, ready to score; which image tower it is, the tensors tell.

    Raises:
        InputError: files are missing or another model's.
    """
    path = _layout.one_of(folder, "pytorch_model.bin", "*.bin")
    state = _layout.read(path)
    vision = _layout.below(state, "vision_model.")
    is_resnet = "model.conv1.weight" in vision
    images = _resnet.resnet_of(_layout.below(vision, "model."), path.name) if is_resnet else SwinTower(vision, path.name)
    texts = _layout.below(state, "text_model.")
    config = path.parent / "config.json"
    bert = _bert.bert_of(_layout.below(texts, "model."), config if config.is_file() else None, path.name).to(device)
    tokenizer = _bert.tokenizer_of(bert, _layout.beside(folder, "vocab.txt"), LONGEST)
    _layout.shape(texts, "projection_head.weight", path.name)
    _layout.shape(state, "logit_scale", path.name)
    head = texts["projection_head.weight"].to(device)

    def embed(prompts: Sequence[str]) -> Tensor:
        # The prompts of one class are padded to its longest, and the mean is over padding too.
        ids, mask = _bert.tokens(tokenizer, prompts, None, device)
        with torch.inference_mode():
            hidden = bert(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            return normalize(torch.stack([hidden[1], hidden[2], hidden[-1]]).mean((0, 2)) @ head.T, dim=-1)

    prompts = [embed(_prompts.grid(finding, "medclip")) for finding in asked]
    scale = math.exp(min(max(float(state["logit_scale"]), 0.0), MAX_LOG_SCALE))
    return MedClipScorer(asked, images.to(device).eval(), prompts, scale, pooling, resampling, device)


def prepare(film: npt.NDArray[np.uint8], resampling: Resampling) -> Tensor:
    """Three equal planes, float32 (3, 224, 224), standardised: padded with black to a square, resized by Pillow."""
    height, width = film.shape
    side = max(SIDE_PX, height, width)
    square = Image.new("L", (side, side), 0)
    square.paste(Image.fromarray(film), (int((side - width) / 2), int((side - height) / 2)))
    how = Image.Resampling.BICUBIC if resampling == "bicubic" else Image.Resampling.BILINEAR
    grey = torch.from_numpy(np.asarray(square.resize((SIDE_PX, SIDE_PX), how), np.float32)) / 255
    return ((grey - MEAN) / STD).expand(3, SIDE_PX, SIDE_PX)


def _swin_of(state: _layout.State, name: str) -> Any:
    """The Swin whose tensors these are; transformers knows the names of its older releases."""
    width, _, patch, _ = _layout.shape(state, "embeddings.patch_embeddings.projection.weight", name)
    stages = range(_layout.count(state, "encoder.layers."))
    tables = [
        _layout.shape(state, f"encoder.layers.{stage}.blocks.0.attention.self.relative_position_bias_table", name) for stage in stages
    ]
    inner = _layout.shape(state, "encoder.layers.0.blocks.0.intermediate.dense.weight", name)[0]
    config = SwinConfig(
        image_size=SIDE_PX,
        patch_size=patch,
        embed_dim=width,
        depths=[_layout.count(state, f"encoder.layers.{stage}.blocks.") for stage in stages],
        num_heads=[heads for _, heads in tables],
        window_size=(math.isqrt(tables[0][0]) + 1) // 2,
        mlp_ratio=inner / width,
    )
    # The index of positions follows from the window.
    read = {key: tensor for key, tensor in state.items() if not key.endswith("relative_position_index")}
    network, told = SwinModel.from_pretrained(None, config=config, state_dict=read, output_loading_info=True)
    faults = {what: sorted(map(str, told[what])) for what in ("missing_keys", "unexpected_keys", "mismatched_keys") if told[what]}
    if faults:
        shown = "; ".join(f"{len(keys)} {what.split('_')[0]} (such as {keys[0]})" for what, keys in faults.items())
        raise InputError(f"{name} does not fit the Swin its shapes describe: {shown}", "give the checkpoint as published")
    return network
