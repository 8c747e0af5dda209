"""A ResNet with ChestX-ray14's classes, as `torch.save(model.state_dict())` writes it."""

from __future__ import annotations

from pathlib import Path

import torch
from twins._cnns import resnet


def write(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(resnet(0, 14).state_dict(), folder / "net.pth")
    return folder / "net.pth"
