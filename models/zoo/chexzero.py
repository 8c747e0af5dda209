"""CheXzero (Tiu et al. 2022): CLIP fine-tuned on films and the impressions of their reports, as an ensemble of its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from models.zoo import _prompts
from pipeline.base.errors import InputError
from pipeline.base.findings import CHEXPERT_14, NO_FINDING
from pipeline.base.interfaces import ZOO, ModelCard, ScoreKind, Scorer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Side of the films in upstream's HDF5 file, and what it takes from grey values of 0 to 255.
STORED_PX, MEAN, STD = 320, 101.48761, 83.43944


class CheXzeroOptions(_prompts.ContrastOptions):
    """Options of CheXzero."""

    no_finding: Literal["normal", "upstream"] = Field(
        default="normal",
        description='prompts of No Finding: of a normal film, or upstream\'s "No Finding" and "no No Finding", which turn its scores round',
    )


@ZOO.add("chexzero", needs=("open_clip",))
class CheXzero:
    """CheXzero: zero-shot CLIP ViT-B/32, mean of its checkpoints."""

    card = ModelCard(
        title="CheXzero",
        licence="MIT (code and weights)",
        citation="Tiu et al. 2022, Expert-level detection of pathologies from unannotated chest X-ray images via self-supervised learning",
        weights="folder chexzero_weights with the ten best_*.pt linked from github.com/rajpurkarlab/CheXzero, or one of them",
        input="224 px, padded to a square with black and brought to 320 px first, grey values 0 to 255 in three equal planes, standardised",
        trained_on="MIMIC-CXR",
        quirks=(
            "a score is the softmax of two bare cosines, without CLIP's temperature: all lie near 0.5, and none is a probability",
            'upstream asks for No Finding with "no No Finding" and gets its scores the wrong way round (AUROC 0.07); '
            "here a normal film is asked for, unless no_finding=upstream",
            "the step from 320 to 224 px does not smooth, as torchvision 0.11 did not; later versions do, and give other scores",
        ),
    )
    Options = CheXzeroOptions
    findings = CHEXPERT_14

    def load(self, checkpoint: Path, options: CheXzeroOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        paths = sorted(checkpoint.glob("*.pt")) if checkpoint.is_dir() else [checkpoint]
        if not paths:
            raise InputError(f"{checkpoint.name} holds no *.pt", "give the folder chexzero_weights with the ten best_*.pt, or one of them")
        contrasts = _prompts.contrasts(options.findings, "chexzero", options.prompts)
        if options.no_finding == "upstream" and NO_FINDING in options.findings:
            contrasts[options.findings.index(NO_FINDING)] = _prompts.upstream_contrast(NO_FINDING, "chexzero")
        return Ensemble(options.findings, tuple(_member(path, options.findings, contrasts, device) for path in paths))


@dataclass(slots=True)
class Ensemble:
    """Mean of the members' softmax of the cosines for and against."""

    findings: tuple[str, ...]
    members: tuple[Any, ...]
    score_kind: ScoreKind = "cosine"

    def prepare(self, film: npt.NDArray[np.uint8]) -> Tensor:
        """As `Scorer.prepare`."""
        prepared: Tensor = self.members[0].prepare(film)
        return prepared

    def score(self, films: Tensor) -> Tensor:
        """As `Scorer.score`. The softmax of two numbers is the sigmoid of their difference."""
        import torch

        return torch.stack([member.score(films).sigmoid() for member in self.members]).mean(0)


def _member(path: Path, asked: tuple[str, ...], contrasts: list[_prompts.Contrast], device: torch.device) -> Any:
    from models.zoo import _clip, _contrast, _layout

    network = _clip.clip_of(_layout.read(path), path.name).to(device)
    side = network.visual.image_size[0]
    positive, negative = _contrast.directions(
        contrasts, lambda texts: network.encode_text(_clip.tokens(texts, network).to(device)), each_of_length_one=True
    )
    # The text tower has done its work; ten of them would be 2.5 GB.
    return _contrast.ContrastScorer(asked, lambda film: prepare(film, side), network.visual, positive, negative, device)


def prepare(film: npt.NDArray[np.uint8], side: int) -> Tensor:
    """Three equal planes, float32 (3, side, side).

    Upstream keeps films of 320 px, padded with black, and its data loader standardises before it resizes.
    """
    import torch
    from PIL import Image
    from torch.nn.functional import interpolate

    height, width = film.shape
    ratio = STORED_PX / max(height, width)
    size = (max(int(width * ratio), 1), max(int(height * ratio), 1))
    canvas = Image.new("L", (STORED_PX, STORED_PX))
    canvas.paste(Image.fromarray(film).resize(size, Image.Resampling.LANCZOS), ((STORED_PX - size[0]) // 2, (STORED_PX - size[1]) // 2))
    grey = (torch.from_numpy(np.array(canvas, np.float32)) - MEAN) / STD
    if side != STORED_PX:
        grey = interpolate(grey[None, None], (side, side), mode="bicubic", align_corners=False)[0, 0]
    return grey.expand(3, side, side)
