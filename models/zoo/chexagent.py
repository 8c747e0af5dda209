"""CheXagent (Chen et al. 2024): a language model that sees films, asked about each finding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.zoo import _prompts, _remote_code
from pipeline.base.findings import CHEXPERT_14
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch


class CheXagentOptions(_prompts.ZeroShotOptions):
    """Options of CheXagent."""

    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="numbers it calculates with; auto is bfloat16 on a GPU, float32 on a CPU"
    )
    trust_remote_code: bool = Field(default=False, description="let the program inside the snapshot run, with all your rights")
    snapshot_sha256: str = Field(default="", description="digest of the snapshot whose program you read; the refusal tells it")


@ZOO.add("chexagent", needs=("transformers",))
class CheXagent:
    """CheXagent 8B and 2-3B: answers yes or no to a question a finding."""

    card = ModelCard(
        title="CheXagent",
        licence="CheXagent-2-3b: CC BY-NC 4.0 (weights), CC BY-NC-ND 4.0 (code); CheXagent-8b: see its model card",
        citation="Chen et al. 2024, CheXagent: Towards a foundation model for chest X-ray interpretation",
        weights="snapshot of StanfordAIMI/CheXagent-8b or -2-3b with its *.py; its encoders, StanfordAIMI/XraySigLIP__* and "
        "XrayCLIP__*, load as hf_image_text without any code",
        input="8B: as its processor does, 448 px; 2-3B: a square of visual.image_size, written to a file that its program opens",
        trained_on="CheXinstruct (MIMIC-CXR, CheXpert, NIH, PadChest, VinDr-CXR, RSNA and others): films of most public sets are no test",
        quirks=(
            "the model is a program inside the snapshot: it runs only with trust_remote_code=true and the digest in snapshot_sha256",
            "its program was written for transformers 4.40 and may not load with later releases",
            "a score is P(yes) against P(no) of the next token; upstream reads the written answer",
            "2-3B takes a path inside the prompt and would open any address found there; it is given a private file of our own, "
            "stretched to its square by Pillow's bicubic",
            "questions are upstream's, with CheXpert's name of the finding; No Finding is asked for as a normal film",
        ),
    )
    Options = CheXagentOptions
    findings = CHEXPERT_14

    def load(self, checkpoint: Path, options: CheXagentOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        _remote_code.require_pinned(checkpoint, options.trust_remote_code, options.snapshot_sha256)
        from models.zoo import _chexagent

        return _chexagent.load(checkpoint, options.findings, options.precision, device)
