"""Networks of LibAUC's deep AUC maximisation (Yuan et al. 2021, ICCV), alone or as an ensemble."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.zoo._classifier_options import PickleOptions
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# LibAUC's train_cols, which is nobody else's order.
ORDER = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
SUFFIXES = (".pt", ".pth", ".tar", ".safetensors", ".bin")


class AucOptions(PickleOptions):
    """Options of LibAUC's networks."""

    findings: tuple[str, ...] = Field(
        default=ORDER, description="what the outputs mean, in their order; LibAUC's train_cols, or its one class of class_index"
    )
    size_px: int = Field(default=320, ge=32, le=1024, description="side of the film that the network sees: LibAUC's image_size")
    activations: Literal["relu", "elu"] = Field(
        default="relu", description="LibAUC's own option of the same name when the network was trained; the file does not tell"
    )


@ZOO.add("cxr_auc_maximizer", needs=("torch", "torchvision"))
class CxrAucMaximizer:
    """CheXpert AUC Maximizer (LibAUC): DenseNet-121 trained for the AUROC itself; several files are an ensemble."""

    card = ModelCard(
        title="CheXpert AUC Maximizer (LibAUC, deep AUC maximisation)",
        licence="MIT (code); no weights are published",
        citation="Yuan et al. 2021, Large-scale robust deep AUC maximization: a new surrogate loss and empirical studies on medical image "
        "classification (ICCV)",
        weights="a state_dict of libauc.models.densenet121 that you trained, or a folder of several, which are averaged; "
        "the ensemble of five behind the published 93.05 was never released",
        input="size_px square by stretching, three equal planes, ImageNet's mean and deviation",
        trained_on="CheXpert (frontal films)",
        quirks=(
            "its order of findings is its own: Cardiomegaly, Edema, Consolidation, Atelectasis, Pleural Effusion",
            "trained with uncertain as present for Edema and Atelectasis, as absent for the others, and blank as absent",
            "its loss looks at the order of scores alone: they lie in 0 to 1 and are no calibrated probabilities",
        ),
    )
    Options = AucOptions
    findings = ORDER

    def load(self, checkpoint: Path, options: AucOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _classifier

        members = [checkpoint]
        if checkpoint.is_dir():
            members = sorted(path for path in checkpoint.iterdir() if path.suffix in SUFFIXES)
        if not members:
            raise InputError(f"{checkpoint.name} holds no checkpoint", f"give a file or a folder of files {', '.join(SUFFIXES)}")
        networks, scored, columns = [], options.findings, tuple(range(len(options.findings)))
        for path in members:
            state = _classifier.plain(_classifier.read(path, unsafe_pickle=options.unsafe_pickle))
            network = _classifier.densenet_of(state, path.name).to(device)
            if options.activations == "elu":
                _classifier.with_elu(network)
            scored, columns = _classifier.columns_of(options.findings, _classifier.outputs_of(state), path.name)
            networks.append(_classifier.answered(network, "probability"))

        def answer(films: Tensor) -> Tensor:
            import torch

            return torch.stack([network(films) for network in networks]).mean(0)

        def pixels(film: _classifier.Film) -> Tensor:
            return _classifier.stretched(film, options.size_px)

        return _classifier.ClassifierScorer(scored, "probability", pixels, answer, columns, device)
