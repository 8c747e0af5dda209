"""What `cxr train` writes, with the smallest architecture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from models import trained
from models.calibration import Platt
from pipeline.base.interfaces import MODELS


def write(folder: Path) -> Path:
    torch.manual_seed(0)
    findings = ("Cardiomegaly", "Edema")
    network = MODELS.get("mobilenet_v3_small")(len(findings), 1)
    torch.nn.init.normal_(network.head.weight, std=0.3)
    # Statistics of batch normalisation that fit the weights, or nothing of a film reaches the end.
    network.train()(torch.randn(4, 1, 96, 96))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    network(torch.randn(4, 1, 96, 96))
    card = trained.Card("mobilenet_v3_small", findings, 96, 1, {})
    trained.save(folder / "net.safetensors", trained.Trained(network.eval(), Platt(np.array([1.0, 0.5]), np.array([0.0, -1.0])), card))
    return folder / "net.safetensors"
