"""A network that `cxr train` made: its file brings findings, size and calibration with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.base.interfaces import ZOO, ModelCard, ModelOptions, ScoreKind

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from models.trained import Trained


class _Scorer:
    score_kind: ScoreKind = "probability"

    def __init__(self, trained: Trained, device: torch.device) -> None:
        self._trained, self._device = trained, device
        self.findings = trained.card.findings

    def prepare(self, film: npt.NDArray[np.uint8]) -> Tensor:
        import torch

        from models.augmentation import standardise
        from pipeline.base.images import resize_square

        one = torch.from_numpy(resize_square(film, self._trained.card.size_px)).unsqueeze(0)
        return standardise(one)[0].expand(self._trained.card.channels, -1, -1)

    def score(self, films: Tensor) -> Tensor:
        import torch

        with torch.inference_mode():
            logits = self._trained.network(films.to(self._device))[0].double().cpu().numpy()
        return torch.from_numpy(self._trained.calibration(logits)).float()


@ZOO.add("trained", needs=("torch", "torchvision"))
class TrainedHere:
    """A network of your own, from `cxr train`."""

    card = ModelCard(
        title="Your own network",
        licence="yours",
        citation="",
        weights="the .safetensors file that `cxr train` wrote",
        input="as it was trained: size and planes stand in the file",
        trained_on="the train split of the home it was trained on",
    )
    Options = ModelOptions
    findings: tuple[str, ...] = ()

    def load(self, checkpoint: Path, options: Any, device: torch.device) -> _Scorer:
        """As `PublishedModel`."""
        from models import trained

        found = trained.load(checkpoint)
        found.network.to(device)
        return _Scorer(found, device)
