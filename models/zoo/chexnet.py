"""CheXNet (Rajpurkar et al. 2017) as others rebuilt it; its authors published no weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.zoo._classifier_options import NIH_ORDER, PickleOptions
from pipeline.base.interfaces import ZOO, ModelCard, Scorer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from torch import Tensor

RESIZED_PX, SEEN_PX, CROPS = 256, 224, 10


class CheXNetOptions(PickleOptions):
    """Options of CheXNet."""

    crops: Literal["auto", "ten", "centre"] = Field(
        default="auto",
        description="ten: corners and middle of a film of 256 px, each also flipped, averaged, as arnoweng tests; centre: the middle of "
        "one of 224 px, as jrzech tests; auto: by the names in the file",
    )


@ZOO.add("chexnet", needs=("torch", "torchvision"))
class CheXNet:
    """CheXNet's DenseNet-121 from arnoweng's model.pth.tar, jrzech's checkpoint, or torchvision's names."""

    card = ModelCard(
        title="CheXNet",
        licence="arnoweng/CheXNet: none given; jrzech/reproduce-chexnet: BSD-3-Clause",
        citation="Rajpurkar et al. 2017, CheXNet: radiologist-level pneumonia detection on chest X-rays with deep learning "
        "(arXiv:1711.05225); Zech 2018, reproduce-chexnet",
        weights="model.pth.tar of github.com/arnoweng/CheXNet, pretrained/checkpoint of github.com/jrzech/reproduce-chexnet (a whole "
        "pickled network: unsafe_pickle=true), or a state_dict with torchvision's names and 14 outputs",
        input="224 px, three equal planes, ImageNet's mean and deviation; ten crops or the middle",
        trained_on="ChestX-ray14; each rebuild has train and test films of its own",
        quirks=(
            "neither rebuild is the authors' network, and arnoweng drew its own random split",
            "arnoweng's ten crops mirror half of the views: the heart is then on the right",
            "trained on text-mined labels: Pneumonia and Infiltration mean what ChestX-ray14 calls so",
        ),
    )
    Options = CheXNetOptions
    findings = NIH_ORDER

    def load(self, checkpoint: Path, options: CheXNetOptions, device: torch.device) -> Scorer:
        """As `PublishedModel.load`."""
        from models.zoo import _classifier

        named = _classifier.read(checkpoint, unsafe_pickle=options.unsafe_pickle)
        state = _classifier.plain(named)
        network = _classifier.densenet_of(state, checkpoint.name).to(device)
        scored, columns = _classifier.columns_of(NIH_ORDER, _classifier.outputs_of(state), checkpoint.name)
        answer = _classifier.answered(network, "probability")
        is_arnowengs = any(".densenet121." in f".{key}" for key in named)
        if options.crops == "centre" or (options.crops == "auto" and not is_arnowengs):
            return _classifier.ClassifierScorer(
                scored, "probability", lambda film: _classifier.centre(film, SEEN_PX), answer, columns, device
            )

        def averaged(films: Tensor) -> Tensor:
            found: Tensor = answer(films.flatten(0, 1)).reshape(len(films), CROPS, -1).mean(1)
            return found

        return _classifier.ClassifierScorer(scored, "probability", ten_crops, averaged, columns, device)


def ten_crops(film: npt.NDArray[np.uint8]) -> Tensor:
    """Corners and middle, and their mirror images, of a film whose shorter side is 256: (10, 3, 224, 224)."""
    import torch
    from PIL import Image
    from torchvision import transforms

    from models.zoo import _classifier

    crops = transforms.TenCrop(SEEN_PX)(transforms.Resize(RESIZED_PX)(Image.fromarray(film)))
    return torch.stack([_classifier.imagenet(crop) for crop in crops])
