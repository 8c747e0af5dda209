"""Two checkpoints in the layout of OpenAI's CLIP ViT, one layer and 64 wide."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

WIDTH, PATCH, GRID, WORDS, CONTEXT = 64, 56, 4, 49408, 77


def write(folder: Path, members: int = 2) -> Path:
    """The folder of checkpoints."""
    folder.mkdir(parents=True, exist_ok=True)
    for member in range(members):
        torch.save(state(member), folder / f"best_64_5e-05_original_{member}000_0.8.pt")
    return folder


def state(seed: int) -> dict[str, Tensor]:
    """CLIP's tensors; vision and text tower have one layer each."""
    draw = torch.Generator().manual_seed(seed)

    def tensor(*shape: int, scale: float = 0.1) -> Tensor:
        return scale * torch.randn(*shape, generator=draw)

    def block(prefix: str) -> dict[str, Tensor]:
        return {
            f"{prefix}.attn.in_proj_weight": tensor(3 * WIDTH, WIDTH),
            f"{prefix}.attn.in_proj_bias": tensor(3 * WIDTH),
            f"{prefix}.attn.out_proj.weight": tensor(WIDTH, WIDTH),
            f"{prefix}.attn.out_proj.bias": tensor(WIDTH),
            f"{prefix}.mlp.c_fc.weight": tensor(4 * WIDTH, WIDTH),
            f"{prefix}.mlp.c_fc.bias": tensor(4 * WIDTH),
            f"{prefix}.mlp.c_proj.weight": tensor(WIDTH, 4 * WIDTH),
            f"{prefix}.mlp.c_proj.bias": tensor(WIDTH),
            **norm(f"{prefix}.ln_1"),
            **norm(f"{prefix}.ln_2"),
        }

    def norm(prefix: str) -> dict[str, Tensor]:
        return {f"{prefix}.weight": 1 + tensor(WIDTH), f"{prefix}.bias": tensor(WIDTH)}

    return {
        "positional_embedding": tensor(CONTEXT, WIDTH),
        "text_projection": tensor(WIDTH, WIDTH),
        "logit_scale": torch.tensor(4.6),
        "visual.class_embedding": tensor(WIDTH),
        "visual.positional_embedding": tensor(GRID**2 + 1, WIDTH),
        "visual.proj": tensor(WIDTH, WIDTH),
        "visual.conv1.weight": tensor(WIDTH, 3, PATCH, PATCH, scale=0.02),
        **norm("visual.ln_pre"),
        **block("visual.transformer.resblocks.0"),
        **norm("visual.ln_post"),
        **block("transformer.resblocks.0"),
        "token_embedding.weight": tensor(WORDS, WIDTH),
        **norm("ln_final"),
    }
