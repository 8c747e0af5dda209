"""Where a network looks: Grad-CAM (Selvaraju et al. 2017) of its last maps, by captum. What a map is compared with is not decided here.

Every network here ends in maps (n, width, h, w), a convolutional trunk's channels or a transformer's patch tokens, so one layer serves all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import LayerGradCam

from models import devices
from models.augmentation import standardise
from models.networks import FilmNetwork
from models.training import threads

Maps = npt.NDArray[np.float64]
# Smaller than a batch of answers: the activations behind a gradient are all kept.
BATCH = 16


def grad_cam(network: FilmNetwork, films: npt.NDArray[np.uint8], outputs: Sequence[int], channels: int = 1) -> Maps:
    """Maps of one output for each film: ReLU(sum_k a_k A_k), a_k the mean gradient of the logit over map k, scaled to [0, 1].

    Scaled from its lowest to its highest value, as CheXlocalize does (Saporta et al. 2022): what a network sees all over the film
    says nothing of where.

    Args:
        network: put into evaluation mode; runs where it lies.
        films: (n, size, size) as the network was trained on.
        outputs: (n,) the output to explain of each film.
        channels: planes of a film as the network sees it.

    Returns:
        (n, h, w) at the size of the network's maps; NaN throughout where a map is constant and points nowhere.
    """
    network.eval()
    device = next(network.parameters()).device
    explain = LayerGradCam(lambda batch: network(batch)[0], network.features)
    found = []
    with devices.deterministic(0, device, threads(network)), torch.enable_grad():
        for start in range(0, len(films), BATCH):
            grey = standardise(torch.from_numpy(films[start : start + BATCH]).to(device)).expand(-1, channels, -1, -1)
            chosen = torch.as_tensor(outputs[start : start + BATCH], device=device)
            maps = explain.attribute(grey.contiguous(), chosen, relu_attributions=True)
            found.append(maps[:, 0].detach().double().cpu().numpy())
    return _scaled(np.concatenate(found)) if found else np.empty((0, 0, 0))


def _scaled(maps: Maps) -> Maps:
    highest, lowest = (reach(maps, axis=(1, 2), keepdims=True) for reach in (np.max, np.min))
    points = np.broadcast_to(highest > lowest, maps.shape)
    return np.asarray(np.divide(maps - lowest, highest - lowest, out=np.full_like(maps, np.nan), where=points))


def peak(saliency: Maps) -> tuple[float, float] | None:
    """Centre (x, y) of the cell where one map, (h, w), is highest, as shares of the film's width and height; None of a constant map.

    An enlarged map has its maximum there too, but runs flat from the outer cells to the edge, where the first of equals is a corner.
    """
    if np.isnan(saliency).any():
        return None
    row, column = divmod(int(saliency.argmax()), saliency.shape[1])
    return (column + 0.5) / saliency.shape[1], (row + 0.5) / saliency.shape[0]
