"""Convolutional classifiers rebuilt from the shapes of their tensors, whoever trained them; and what a film is made into for them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms
from torchvision.models.densenet import DenseNet

from models.checkpoints import plain_name
from models.zoo import _layout, _resnet, _whole
from models.zoo._classifier_options import ClassifierOptions, Crop, Output, Range
from pipeline.base import findings
from pipeline.base.errors import InputError
from pipeline.base.interfaces import ScoreKind

Film = npt.NDArray[np.uint8]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
XRV_RANGE = 1024
# A head that ends in a sigmoid is a Sequential; the sigmoid has no tensors.
_HEAD = re.compile(r"^(classifier|fc)\.0\.")
# Buffers of torchxrayvision's networks that are not weights.
_NOT_WEIGHTS = ("op_threshs",)


@dataclass(slots=True)
class ClassifierScorer:
    """A network whose outputs are findings.

    Attributes:
        pixels: what `prepare` is.
        answer: prepared films on the device to all outputs, (n, outputs).
        columns: the outputs that `findings` are.
    """

    findings: tuple[str, ...]
    score_kind: ScoreKind
    pixels: Callable[[Film], Tensor]
    answer: Callable[[Tensor], Tensor]
    columns: tuple[int, ...]
    device: torch.device

    def prepare(self, film: Film) -> Tensor:
        """As `Scorer.prepare`."""
        return self.pixels(film)

    def score(self, films: Tensor) -> Tensor:
        """As `Scorer.score`."""
        with torch.inference_mode():
            return self.answer(films.to(self.device))[:, list(self.columns)].float().cpu()


def read(path: Path, *, unsafe_pickle: bool) -> _layout.State:
    """The tensors of a checkpoint under their upstream names.

    Raises:
        InputError: it cannot be read, or is a whole pickled network and that was not allowed.
    """
    if not path.is_file():
        raise InputError(f"the checkpoint {path.name} is no file", "give the file as published; `cxr models` says which")
    try:
        return _layout.read(path)
    except InputError as refused:
        if path.suffix == ".safetensors":
            raise
        return _beside_objects(_whole.read(path, path.name), path.name, unsafe_pickle, refused)


def _beside_objects(loaded: object, name: str, unsafe_pickle: bool, refused: InputError) -> _layout.State:
    """Tensors of a file that holds more than tensors: those of a state_dict beside other objects, or those of a whole network."""
    if isinstance(loaded, dict) and isinstance(state := loaded.get("state_dict"), dict):
        return {str(key): tensor for key, tensor in state.items() if isinstance(tensor, Tensor)}
    state = _whole.network_in(loaded, name)
    if not state:
        raise refused
    if not unsafe_pickle:
        raise InputError(
            f"{name} is a whole pickled network of {len(state)} tensors: upstream's loader would run whatever it says",
            "add --set unsafe_pickle=true to take its tensors alone, or convert it once: torch.save(model.state_dict(), NEW)",
        )
    warnings.warn(f"{name} is a pickle: its tensors are taken, nothing in it is run", stacklevel=2)
    return state


def plain(state: _layout.State) -> _layout.State:
    """Tensors under torchvision's names, whatever wrappers a training put around them."""
    named = {_HEAD.sub(r"\1.", plain_name(key)): tensor for key, tensor in state.items()}
    return {key: tensor for key, tensor in named.items() if key not in _NOT_WEIGHTS}


def densenet_of(state: _layout.State, name: str) -> nn.Module:
    """A DenseNet with its classifier.

    Raises:
        InputError: the tensors are no DenseNet's.
    """
    growth, inner, _, _ = _layout.shape(state, "features.denseblock1.denselayer1.conv2.weight", name)
    network: nn.Module = DenseNet(
        growth_rate=growth,
        block_config=_blocks(state),
        num_init_features=_layout.shape(state, "features.conv0.weight", name)[0],
        bn_size=inner // growth,
        num_classes=_layout.shape(state, "classifier.weight", name)[0],
    )
    planes = state["features.conv0.weight"].shape[1]
    network.get_submodule("features").conv0 = nn.Conv2d(planes, state["features.conv0.weight"].shape[0], 7, 2, 3, bias=False)
    _layout.fill(network, state, name)
    return network.eval()


def _blocks(state: _layout.State) -> tuple[int, ...]:
    """Layers of each dense block."""
    layers = {match.groups() for key in state if (match := re.match(r"features\.denseblock(\d+)\.denselayer(\d+)\.", key))}
    blocks = sorted({int(block) for block, _ in layers})
    return tuple(sum(int(one) == block for one, _ in layers) for block in blocks)


def with_elu(network: nn.Module) -> None:
    """Put ELU in the place of every ReLU module; the last one, which is no module, stays, as in LibAUC."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(parent, name, nn.ELU())


def resnet_of(state: _layout.State, name: str) -> nn.Module:
    """A ResNet with its head.

    Raises:
        InputError: the tensors are no ResNet's.
    """
    for key in ("layer1.0.conv2.weight", "fc.weight"):
        _layout.shape(state, key, name)
    filters, planes, _, _ = _layout.shape(state, "conv1.weight", name)
    # The frame sees three planes; what it is filled with gives way to the file's own first convolution.
    network: nn.Module = _resnet.resnet_of({**state, "conv1.weight": state["conv1.weight"][:, :1].expand(-1, 3, -1, -1)}, name)
    network.conv1 = nn.Conv2d(planes, filters, 7, 2, 3, bias=False)
    _layout.fill(network, state, name)
    return network.eval()


def planes_of(state: _layout.State) -> int:
    """How many planes of a film the network sees."""
    return int(next(state[key] for key in ("features.conv0.weight", "conv1.weight") if key in state).shape[1])


def outputs_of(state: _layout.State) -> int:
    """How many outputs its head has."""
    return int(next(state[key] for key in ("classifier.weight", "fc.weight") if key in state).shape[0])


def resemblance(state: _layout.State) -> str:
    """What tensors look like, in words: the nearest system, and the names that tell it."""
    for what, sign in _SIGNS:
        if found := [key for key in state if re.search(sign, key)]:
            return f"it looks like {what} ({found[0]} {tuple(state[found[0]].shape)})"
    return f"nothing known here has tensors such as {', '.join(sorted(state)[:3]) or 'none'}"


_SIGNS = (
    ("jfhealthcare's network: torchxrayvision with weights=jfhealthcare", r"^attention_map\.|^(backbone\.)?fc_0\."),
    ("a CLIP: chexzero or open_clip", r"^visual\.(class_embedding|conv1|trunk)"),
    ("GLoRIA", r"gloria\.|img_encoder\."),
    ("MedCLIP", r"^vision_model\.projection_head|^text_model\.projection_head"),
    ("an image model of BioViL", r"^projector\.model\.|^encoder\.encoder\."),
    ("a DenseNet: densenet121, chexnet, cxr_auc_maximizer or torchxrayvision", r"denseblock1\.denselayer1"),
    ("a ResNet: resnet50, or torchxrayvision with weights=resnet50-res512-all", r"layer1\.0\.conv1"),
    ("a BERT: a report labeler or a text tower", r"encoder\.layer\.0\.attention"),
    ("a vision transformer", r"blocks\.0\.attn|patch_embed|encoder\.layers\.0\.self_attn"),
)


def columns_of(labels: Sequence[str], n_outputs: int, name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Findings in our spelling, and the outputs that they are; outputs with an empty label were never trained and are left out.

    Raises:
        InputError: there are more or fewer labels than outputs, one is no finding, or two are one finding.
    """
    if len(labels) != n_outputs:
        raise InputError(
            f"{name} has {n_outputs} outputs, and {len(labels)} findings are named",
            "name what the outputs mean, in their order: --set 'findings=[\"Cardiomegaly\", ...]'",
        )
    named = [(findings.canonical(label), column) for column, label in enumerate(labels) if label]
    if len({finding for finding, _ in named}) != len(named):
        raise InputError(f"two outputs of {name} are named as one finding", "name every finding once")
    return tuple(finding for finding, _ in named), tuple(column for _, column in named)


def scorer_of(
    path: Path, build: Callable[[_layout.State, str], nn.Module], options: ClassifierOptions, device: torch.device
) -> ClassifierScorer:
    """A network of one file that does not say what it answers.

    Raises:
        InputError: it cannot be read, is no such network, or has another number of outputs.
    """
    state = plain(read(path, unsafe_pickle=options.unsafe_pickle))
    network = build(state, path.name).to(device)
    scored, columns = columns_of(options.findings, outputs_of(state), path.name)
    pixels = pixels_for(options.size_px, planes_of(state), options.grey, options.crop)
    return ClassifierScorer(scored, options.output, pixels, answered(network, options.output), columns, device)


def answered(network: nn.Module, output: Output) -> Callable[[Tensor], Tensor]:
    """Logits, or their sigmoid."""

    def answer(films: Tensor) -> Tensor:
        logits: Tensor = network(films)
        return logits.sigmoid() if output == "probability" else logits

    return answer


def pixels_for(size_px: int, planes: int, grey: Range, crop: Crop) -> Callable[[Film], Tensor]:
    """What a film is made into: (planes, size_px, size_px)."""

    def pixels(film: Film) -> Tensor:
        if grey == "xrv":
            return xrv_pixels(film, size_px).expand(planes, -1, -1)
        return (stretched if crop == "stretch" else centre)(film, size_px, planes)

    return pixels


def stretched(film: Film, size_px: int, planes: int = 3) -> Tensor:
    """Stretched to a square by OpenCV's bilinear interpolation, then ImageNet's mean and deviation, in double precision as upstream's."""
    square = cv2.resize(film, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    standard = (np.repeat(square[None], planes, 0) / 255.0 - _columns(MEAN, planes)) / _columns(STD, planes)
    return torch.from_numpy(standard.astype(np.float32))


def _columns(values: Sequence[float], planes: int) -> npt.NDArray[np.float64]:
    chosen = values if planes == len(values) else [float(np.mean(values))] * planes
    return np.asarray(chosen).reshape(-1, 1, 1)


def centre(film: Film, size_px: int, planes: int = 3) -> Tensor:
    """The middle of a film whose shorter side is `size_px`, by PIL's bilinear interpolation as torchvision's transforms take it."""
    middle = transforms.CenterCrop(size_px)(transforms.Resize(size_px)(Image.fromarray(film)))
    return imagenet(middle, planes)


def imagenet(picture: Image.Image, planes: int = 3) -> Tensor:
    """Equal planes with ImageNet's mean and deviation."""
    grey: Tensor = transforms.ToTensor()(picture)
    mean, std = (torch.from_numpy(_columns(values, planes)).float() for values in (MEAN, STD))
    return (grey.expand(planes, -1, -1) - mean) / std


def xrv_pixels(film: Film, size_px: int) -> Tensor:
    """One plane, -1024 to 1024: the middle of the film, brought to size as torchxrayvision's own networks do (1, size_px, size_px)."""
    grey = (2 * (film.astype(np.float32) / 255) - 1.0) * XRV_RANGE
    side = min(film.shape)
    top, left = film.shape[0] // 2 - side // 2, film.shape[1] // 2 - side // 2
    square = torch.from_numpy(np.ascontiguousarray(grey[top : top + side, left : left + side]))[None, None]
    if side == size_px:
        return square[0]
    return nn.functional.interpolate(square, size=(size_px, size_px), mode="bilinear", antialias=True)[0]
