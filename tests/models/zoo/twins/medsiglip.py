"""MedSigLIP's folder: a SigLIP."""

from __future__ import annotations

from pathlib import Path

from twins import hf_image_text


def write(folder: Path) -> Path:
    """The snapshot folder."""
    return hf_image_text.write(folder, "siglip")
