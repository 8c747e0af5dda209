"""arnoweng's model.pth.tar: DataParallel around a module that calls its network densenet121, DenseNet's names of 2017."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor
from twins._cnns import densenet, prefixed


def write(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"epoch": 1, "state_dict": arnowengs(densenet(0, 14).state_dict())}, folder / "model.pth.tar")
    return folder / "model.pth.tar"


def arnowengs(state: dict[str, Tensor]) -> dict[str, Tensor]:
    # Batches were not counted in 2017.
    counted = {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key): tensor for key, tensor in counted.items()}
    headed = {key.replace("classifier.", "classifier.0."): tensor for key, tensor in old.items()}
    return prefixed("module.densenet121.", headed)
