"""Two networks with LibAUC's five classes."""

from __future__ import annotations

from pathlib import Path

import torch
from twins._cnns import densenet


def write(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(2):
        torch.save(densenet(seed, 5).state_dict(), folder / f"member{seed}.pth")
    return folder
