"""GLoRIA (Huang et al. 2021): words of a report against regions of a film."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from models.zoo import _prompts
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch

FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")


class GloriaOptions(_prompts.ZeroShotOptions):
    """Options of GLoRIA."""

    findings: tuple[str, ...] = Field(default=FINDINGS, description="findings to score; upstream has prompts for these five")
    reference: Path | None = Field(
        default=None,
        description='JSON {"Edema": [mean, standard deviation], ...} of bare scores on films chosen beforehand: scores become z-scores',
    )


@ZOO.add("gloria", needs=("transformers",))
class Gloria:
    """GLoRIA: ResNet-50 and BERT, words against regions of the film."""

    card = ModelCard(
        title="GLoRIA",
        licence="Apache 2.0 (code); the weights carry no licence of their own",
        citation="Huang et al. 2021, GLoRIA: A multimodal global-local representation learning framework for label-efficient medical image "
        "recognition (ICCV)",
        weights="folder with chexpert_resnet50.ckpt, linked from github.com/marshuang80/gloria, "
        "and vocab.txt of emilyalsentzer/Bio_ClinicalBERT",
        input="224 px: the middle of a film padded to a square of 256, -1 to 1, three equal planes, enlarged to 299 in the network",
        trained_on="CheXpert with its reports; a film of it is no test",
        quirks=(
            "upstream turns the scores of a batch into z-scores, so that a film's score depends on the films beside it; "
            "here they are bare similarities, or z-scores against the option reference",
            "five prompts a finding are drawn from a grid with typing errors by a seed of 6; the same five are used here",
            "the number of a prompt's words is taken to be that of its characters, so that padding counts among them and the best word is "
            "never below 0; kept. Upstream fails on a prompt of more than 96 characters; here its words end there",
            "a score is no cosine but half of one plus two and a half times another",
            "the checkpoint holds a configuration beside its tensors, which is not brought to life",
        ),
    )
    Options = GloriaOptions
    findings = FINDINGS

    def load(self, checkpoint: Path, options: GloriaOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _gloria

        reference = _reference(options.reference, options.findings) if options.reference else {}
        images, bert, tokenizer = _gloria.load(checkpoint, device)
        prompts = {
            finding: _gloria.embed(bert, tokenizer, texts, device) for finding, texts in _prompts.gloria_draw(options.findings).items()
        }
        return _gloria.GloriaScorer(options.findings, images, prompts, reference, device)


def _reference(path: Path, asked: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    from models.zoo import _layout

    told = _layout.read_json(path)
    for finding in asked:
        match told.get(finding):
            case [float() | int() as mean, float() | int() as deviation] if math.isfinite(mean) and 0 < deviation < math.inf:
                continue
        raise InputError(
            f"{path.name} gives no mean and positive standard deviation of {finding}",
            f'write "{finding}": [mean, standard deviation] of its bare scores on your reference films',
        )
    return {finding: (float(told[finding][0]), float(told[finding][1])) for finding in asked}
