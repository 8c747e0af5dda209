"""A network of ChestX-ray14 under upstream's file name, as a state_dict; and the other kinds of file that upstream has."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from twins._cnns import densenet, prefixed, resnet

NIH = "nih-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
RESNET = "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt"


def write(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(densenet(0, 18, planes=1).state_dict(), folder / NIH)
    return folder / NIH


def write_resnet(folder: Path) -> Path:
    torch.save(resnet(0, 18, planes=1).state_dict(), folder / RESNET)
    return folder / RESNET


def write_ensemble(folder: Path, names: Sequence[str] = ("iter_000.pth.tar", "iter_100.pth.tar")) -> Path:
    """The zip of the CheXpert ensemble: networks of three kinds, each with its own tasks."""
    kinds = (("uncertainty_ones", 1), ("uncertainty_3-class", 3), ("uncertainty_self-train", 1))
    with zipfile.ZipFile(folder / "ensemble.zip", "w") as packed:
        for seed, (kind, classes) in enumerate(kinds):
            for member, name in enumerate(names):
                packed.writestr(f"saved/DenseNet121_320_1e-04_{kind}_top10/{name}", _member(10 * seed + member, classes))
    return folder / "ensemble.zip"


TASKS = ("No Finding", "Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")


def _member(seed: int, classes: int) -> bytes:
    state: dict[str, Tensor] = prefixed("module.model.", densenet(seed, classes * len(TASKS)).state_dict())
    buffer = io.BytesIO()
    torch.save({"model_state": state, "task_sequence": {task: row for row, task in enumerate(TASKS)}, "ckpt_info": {"epoch": 1}}, buffer)
    return buffer.getvalue()
