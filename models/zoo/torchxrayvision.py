"""TorchXRayVision (Cohen et al. 2022): its DenseNets, its ResNet, and the networks of others that it carries."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from models.zoo._classifier_options import PickleOptions
from pipeline.base.errors import InputError
from pipeline.base.findings import canonical
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Weights = Literal[
    "auto",
    "densenet121-res224-all",
    "densenet121-res224-nih",
    "densenet121-res224-pc",
    "densenet121-res224-chex",
    "densenet121-res224-rsna",
    "densenet121-res224-mimic_nb",
    "densenet121-res224-mimic_ch",
    "resnet50-res512-all",
    "jfhealthcare",
    "chexpert",
]
Output = Literal["op_normalised", "probability", "logit"]
JFHEALTHCARE = "baseline_models_jfhealthcare-DenseNet121_pre_train.pth"


class XrvOptions(PickleOptions):
    """Options of torchxrayvision's networks."""

    weights: Weights = Field(default="auto", description="which network, by upstream's name; auto goes by upstream's name of the file")
    output: Output = Field(
        default="op_normalised",
        description="what a score is: upstream's, in which 0.5 is each output's operating point; the sigmoid; or the bare output; "
        "jfhealthcare and chexpert have no operating points and are probabilities",
    )
    members: int = Field(default=30, ge=1, le=30, description="of the chexpert ensemble: networks of each of its three kinds")


@cache
def networks() -> dict[str, dict[str, Any]]:
    """Facts of the networks by upstream's name: file, size_px, outputs and thresholds."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def trained(weights: str) -> tuple[tuple[str, ...], tuple[int, ...], tuple[float, ...]]:
    """Findings that were trained, the outputs that they are, and their operating points."""
    facts = networks()[weights]
    rows = [
        (canonical(label), column, threshold)
        for column, (label, threshold) in enumerate(zip(facts["outputs"], facts["thresholds"], strict=True))
        if label and not math.isnan(threshold)
    ]
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows), tuple(row[2] for row in rows)


@ZOO.add("torchxrayvision", needs=("torch", "torchvision"))
class TorchXRayVision:
    """TorchXRayVision: DenseNets by data set, ResNet-50 of 512 px, jfhealthcare and the CheXpert ensemble."""

    card = ModelCard(
        title="TorchXRayVision",
        licence="Apache-2.0 (code and its own weights; jfhealthcare: Apache-2.0; CheXpert ensemble: its data set's terms)",
        citation="Cohen et al. 2022, TorchXRayVision: a library of chest X-ray datasets and models (MIDL); Ye et al. 2020 (jfhealthcare, "
        "arXiv:2005.14480); Irvin et al. 2019 (CheXpert ensemble)",
        weights="one file of github.com/mlmed/torchxrayvision/releases, v1: a *-densenet121-*-best.pt (a whole pickled network: "
        f"unsafe_pickle=true, or its state_dict), pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt, {JFHEALTHCARE}; "
        "or the zip of the CheXpert ensemble (academictorrents 5c7ee21e)",
        input="the middle square of the film, 224 px (ResNet and jfhealthcare 512, CheXpert ensemble 320), one plane from -1024 to 1024; "
        "baseline networks three planes from -2 to 2",
        trained_on="by name: ChestX-ray14 (nih), PadChest (pc), CheXpert (chex, chexpert, jfhealthcare), RSNA (rsna), MIMIC-CXR "
        "(mimic_nb, mimic_ch); all: these and Open-I; resnet50-res512-all: PadChest, ChestX-ray14, RSNA, SIIM, VinDr-CXR",
        quirks=(
            "upstream's score is scaled so that each operating point lies at 0.5: no probability; output=probability gives the sigmoid",
            "outputs that were never trained are 0.5 for every film upstream; here they are left out",
            "of a film that is not square, what lies beyond the middle is not seen",
            "jfhealthcare looks at its features through its attention once more for each finding, as upstream's loop does",
            "baseline networks that answer no finding (age, sex, race, view, anatomy) are not taken in",
        ),
    )
    Options = XrvOptions
    findings = trained("densenet121-res224-all")[0]

    def load(self, checkpoint: Path, options: XrvOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _xrv_baselines

        weights = options.weights if options.weights != "auto" else named(checkpoint)
        if weights == "chexpert":
            return _xrv_baselines.ensemble(checkpoint, options.members, device)
        if weights == "jfhealthcare":
            return _xrv_baselines.jfhealthcare(checkpoint, device)
        return _own(checkpoint, weights, options, device)


def named(checkpoint: Path) -> str:
    """The network that a file is by its name.

    Raises:
        InputError: it is none of upstream's names.
    """
    by_file = {facts["file"]: name for name, facts in networks().items()}
    if checkpoint.suffix == ".zip":
        return "chexpert"
    if checkpoint.name == JFHEALTHCARE:
        return "jfhealthcare"
    if checkpoint.name not in by_file:
        raise InputError(
            f"{checkpoint.name} is no file name of torchxrayvision's, so what its outputs mean is not known",
            f"say which network it is: --set weights=NAME, one of {', '.join([*networks(), 'jfhealthcare', 'chexpert'])}",
        )
    return by_file[checkpoint.name]


def _own(checkpoint: Path, weights: str, options: XrvOptions, device: torch.device) -> Scorer:
    """A network that torchxrayvision trained itself."""
    import torch

    from models.zoo import _classifier

    state = _classifier.plain(_classifier.read(checkpoint, unsafe_pickle=options.unsafe_pickle))
    build = _classifier.resnet_of if weights.startswith("resnet") else _classifier.densenet_of
    network = build(state, checkpoint.name).to(device)
    facts = networks()[weights]
    _classifier.columns_of(facts["outputs"], _classifier.outputs_of(state), checkpoint.name)
    scored, columns, thresholds = trained(weights)
    operating = torch.full((len(facts["outputs"]),), math.nan)
    operating[list(columns)] = torch.tensor(thresholds)
    operating = operating.to(device)

    def answer(films: Tensor) -> Tensor:
        logits: Tensor = network(films)
        if options.output == "logit":
            return logits
        return op_normalised(logits.sigmoid(), operating) if options.output == "op_normalised" else logits.sigmoid()

    def pixels(film: _classifier.Film) -> Tensor:
        return _classifier.xrv_pixels(film, facts["size_px"])

    return _classifier.ClassifierScorer(scored, options.output, pixels, answer, columns, device)


def op_normalised(probabilities: Tensor, operating: Tensor) -> Tensor:
    """Probabilities on two straight lines that meet at the operating point: 0 to 0, `operating` to 0.5, 1 to 1."""
    below, above = probabilities / (2 * operating), 1 - (1 - probabilities) / (2 * (1 - operating))
    return below.where(probabilities < operating, above)
