"""MedGemma (Sellergren et al. 2025): Gemma 3 with a medical image encoder, asked about each finding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.zoo import _prompts
from pipeline.base.findings import CHEXPERT_14
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch


class MedGemmaOptions(_prompts.ZeroShotOptions):
    """Options of MedGemma."""

    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="numbers it calculates with; auto is bfloat16 on a GPU, float32 on a CPU"
    )


@ZOO.add("medgemma", needs=("transformers",))
class MedGemma:
    """MedGemma 4B: answers yes or no to a question a finding."""

    card = ModelCard(
        title="MedGemma 4B",
        licence="Health AI Developer Foundations terms of use (gated)",
        citation="Sellergren et al. 2025, MedGemma technical report",
        weights="snapshot of google/medgemma-4b-it or google/medgemma-1.5-4b-it: config.json, model-*.safetensors, files of processor "
        "and tokenizer, chat_template.jinja",
        input="896 px, stretched to a square, -1 to 1, three equal planes",
        trained_on="MIMIC-CXR and further de-identified medical images with text",
        quirks=(
            "a score is P(yes) against P(no) of the next token; nothing is written, and it is no calibrated probability",
            "the published 48.1 for CheXpert is an F1 of five findings, no AUROC, and its prompts are not told; the questions are ours",
            "the system prompt is the model card's",
            "a film that is not square is stretched",
        ),
    )
    Options = MedGemmaOptions
    findings = CHEXPERT_14

    def load(self, checkpoint: Path, options: MedGemmaOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _medgemma

        return _medgemma.load(checkpoint, options.findings, options.precision, device)
