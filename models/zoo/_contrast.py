"""Scores of an image tower and a text tower: how much closer a film is to the words for a finding than to the words against it.

Towers, tokens and pixels belong to the adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize

from models.zoo._prompts import Contrast
from pipeline.base.interfaces import ScoreKind

Prepare = Callable[[npt.NDArray[np.uint8]], Tensor]
Embed = Callable[[Tensor], Tensor]
EmbedTexts = Callable[[Sequence[str]], Tensor]


@dataclass(slots=True)
class ContrastScorer:
    """Cosine to the prompts for a finding minus cosine to the prompts against it, in [-2, 2].

    Attributes:
        findings, score_kind: as `Scorer`.
        pixels: what `prepare` is.
        embed: prepared films on the device, (n, ...), to embeddings (n, width), of any length.
        positive, negative: one direction a finding, (findings, width), of length one, on the device.
        device: where `embed` runs.
    """

    findings: tuple[str, ...]
    pixels: Prepare
    embed: Embed
    positive: Tensor
    negative: Tensor
    device: torch.device
    score_kind: ScoreKind = "cosine"

    def prepare(self, film: npt.NDArray[np.uint8]) -> Tensor:
        """As `Scorer.prepare`."""
        return self.pixels(film)

    def score(self, films: Tensor) -> Tensor:
        """As `Scorer.score`."""
        with torch.inference_mode():
            images = normalize(self.embed(films.to(self.device)).float(), dim=-1)
            return (images @ self.positive.T - images @ self.negative.T).cpu()


def directions(contrasts: Sequence[Contrast], embed: EmbedTexts, *, each_of_length_one: bool) -> tuple[Tensor, Tensor]:
    """Directions for and against each finding, both (findings, width): the mean embedding of its prompts, brought to length one.

    Args:
        contrasts: prompts, one entry a finding.
        embed: texts to embeddings, (n, width), of any length.
        each_of_length_one: whether upstream brings every prompt to length one before the mean.
    """
    with torch.inference_mode():
        sides = [
            torch.stack([_direction(embed(texts), each_of_length_one) for texts in texts_of_side])
            for texts_of_side in ([one.positive for one in contrasts], [one.negative for one in contrasts])
        ]
    return sides[0], sides[1]


def _direction(embeddings: Tensor, each_of_length_one: bool) -> Tensor:
    embeddings = embeddings.float()
    return normalize((normalize(embeddings, dim=-1) if each_of_length_one else embeddings).mean(0), dim=0)
