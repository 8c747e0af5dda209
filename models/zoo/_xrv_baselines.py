"""Networks of others that torchxrayvision carries: jfhealthcare's (Ye et al. 2020) and the CheXpert ensemble (Irvin et al. 2019)."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.zoo import _classifier, _layout, _whole
from pipeline.base.errors import InputError
from pipeline.base.findings import canonical

# Films reach these networks as -1024 to 1024 over this.
SCALE = 512
JF_PX, ENSEMBLE_PX = 512, 320
JF_FINDINGS = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
# Attentions that jfhealthcare's file holds and its network does not use, and the classifier of its trunk.
_JF_UNREAD = ("attention_map.channel_attention.", "attention_map.spatial_attention.", "backbone.classifier.")


def _pixels(size_px: int) -> Callable[[_classifier.Film], Tensor]:
    return lambda film: _classifier.xrv_pixels(film, size_px).expand(3, -1, -1) / SCALE


def jfhealthcare(checkpoint: Path, device: torch.device) -> _classifier.ClassifierScorer:
    """Jfhealthcare's network, ready to score.

    Raises:
        InputError: the file is another network's.
    """
    state = _layout.read(checkpoint)
    network = JfHealthcare(state, checkpoint.name).to(device).eval()
    columns = tuple(range(len(JF_FINDINGS)))
    answer = _classifier.answered(network, "probability")
    return _classifier.ClassifierScorer(JF_FINDINGS, "probability", _pixels(JF_PX), answer, columns, device)


class JfHealthcare(nn.Module):
    """DenseNet, feature pyramid attention, and for each finding mean and maximum of the maps through one linear head.

    Args:
        state: tensors by upstream's names.
        name: the file, for errors.
    """

    def __init__(self, state: _layout.State, name: str) -> None:
        super().__init__()
        wide = _layout.shape(state, "fc_0.weight", name)[1]
        # The trunk's own classifier is stored, unread, and of ImageNet's size.
        trunk = {**_layout.below(state, "backbone."), "classifier.weight": torch.zeros(1, wide // 2), "classifier.bias": torch.zeros(1)}
        if "features.conv0.weight" not in trunk:
            raise InputError(f"{name} is not jfhealthcare's network: it has no backbone.features.*", "give upstream's file")
        self.backbone = _classifier.densenet_of(trunk, name).get_submodule("features")
        self.heads = nn.ModuleDict({f"fc_{row}": nn.Conv2d(wide, 1, 1) for row in range(len(JF_FINDINGS))})
        self.norms = nn.ModuleDict({f"bn_{row}": nn.BatchNorm2d(wide) for row in range(len(JF_FINDINGS))})
        self.attention = PyramidAttention(wide // 2)
        rest = {key: tensor for key, tensor in state.items() if not key.startswith(("backbone.features.", *_JF_UNREAD))}
        _layout.fill(self.attention, _layout.below(rest, "attention_map.pyramid_attention."), name)
        _layout.fill(self.heads, {key: tensor for key, tensor in rest.items() if key.startswith("fc_")}, name)
        _layout.fill(self.norms, {key: tensor for key, tensor in rest.items() if key.startswith("bn_")}, name)

    def forward(self, films: Tensor) -> Tensor:
        """Logits (n, 5); the maps of one finding are those of the one before, seen through the attention once more."""
        maps: Tensor = functional.relu(self.backbone(films))
        logits = []
        for fc, bn in zip(self.heads.values(), self.norms.values(), strict=True):
            maps = self.attention(maps)
            pooled = torch.cat([maps.mean((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)], 1)
            logits.append(fc(bn(pooled)).flatten(1))
        return torch.cat(logits, 1)


class _ConvNormRelu(nn.Module):
    def __init__(self, planes: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(planes, out, kernel, stride, kernel // 2), nn.BatchNorm2d(out), nn.ReLU())

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.conv(maps)
        return found


class PyramidAttention(nn.Module):
    """Feature pyramid attention (Li et al. 2018) as jfhealthcare wrote it, one plane of weights at three scales.

    Args:
        planes: of the maps.
    """

    def __init__(self, planes: int) -> None:
        super().__init__()
        self.gap_branch = nn.Sequential(nn.AdaptiveAvgPool2d(1), _ConvNormRelu(planes, planes, 1))
        self.mid_branch = _ConvNormRelu(planes, planes, 1)
        self.downsample1 = _ConvNormRelu(planes, 1, 7, 2)
        self.downsample2 = _ConvNormRelu(1, 1, 5, 2)
        self.downsample3 = _ConvNormRelu(1, 1, 3, 2)
        self.scale1 = _ConvNormRelu(1, 1, 7)
        self.scale2 = _ConvNormRelu(1, 1, 5)
        self.scale3 = _ConvNormRelu(1, 1, 3)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of the same shape."""
        height, width = maps.shape[2:]
        first = self.downsample1(maps)
        second = self.downsample2(first)
        found = _enlarged(self.scale3(self.downsample3(second)), height // 4, width // 4)
        found = _enlarged(self.scale2(second) + found, height // 2, width // 2)
        found = _enlarged(self.scale1(first) + found, height, width)
        seen: Tensor = found * self.mid_branch(maps) + _enlarged(self.gap_branch(maps), height, width)
        return seen


def _enlarged(maps: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A third of the ensemble: how it was trained tells which findings it speaks for."""

    folder: str
    findings: tuple[str, ...]
    is_three_class: bool


# predict_configs.json of the ensemble: each finding is read from the networks of the uncertainty policy that suited it best.
_KINDS = (
    _Kind("uncertainty_ones", ("Atelectasis", "Edema"), False),
    _Kind("uncertainty_3-class", ("Cardiomegaly", "Pleural Effusion"), True),
    _Kind("uncertainty_self-train", ("Consolidation",), False),
)
ENSEMBLE_FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")


def ensemble(checkpoint: Path, members: int, device: torch.device) -> _classifier.ClassifierScorer:
    """The CheXpert ensemble out of its zip: mean over the networks of each kind.

    Raises:
        InputError: it is no zip, or holds no network of a kind.
    """
    if not zipfile.is_zipfile(checkpoint):
        raise InputError(f"{checkpoint.name} is no zip file", "give the zip of the CheXpert ensemble as published")
    with zipfile.ZipFile(checkpoint) as packed:
        kinds = [(kind, _members(packed, kind, members, checkpoint.name, device)) for kind in _KINDS]

    def answer(films: Tensor) -> Tensor:
        found: dict[str, Tensor] = {}
        for kind, networks in kinds:
            each = [_probabilities(network(films), kind)[:, list(columns)] for network, columns in networks]
            found |= dict(zip(kind.findings, torch.stack(each).mean(0).T, strict=True))
        return torch.stack([found[finding] for finding in ENSEMBLE_FINDINGS], 1)

    columns = tuple(range(len(ENSEMBLE_FINDINGS)))
    return _classifier.ClassifierScorer(ENSEMBLE_FINDINGS, "probability", _pixels(ENSEMBLE_PX), answer, columns, device)


def _members(
    packed: zipfile.ZipFile, kind: _Kind, members: int, name: str, device: torch.device
) -> list[tuple[nn.Module, tuple[int, ...]]]:
    """Networks of one kind, and which of their tasks its findings are."""
    names = sorted(one for one in packed.namelist() if re.search(rf"_{kind.folder}_top10[^/]*/iter_\d+\.pth\.tar$", one))
    if not names:
        raise InputError(f"{name} holds no networks of {kind.folder}", "give the zip of the CheXpert ensemble as published")
    return [_member(packed.read(one), one, kind, device) for one in names[:members]]


def _member(content: bytes, name: str, kind: _Kind, device: torch.device) -> tuple[nn.Module, tuple[int, ...]]:
    loaded = _whole.read(io.BytesIO(content), name)
    if not isinstance(loaded, dict) or not all(isinstance(loaded.get(part), dict) for part in ("model_state", "task_sequence")):
        raise InputError(f"{name} holds no model_state with its task_sequence", "give the zip of the CheXpert ensemble as published")
    network = _classifier.densenet_of(_classifier.plain(loaded["model_state"]), name).to(device)
    tasks = {canonical(str(task)): int(column) for task, column in loaded["task_sequence"].items()}
    if missing := [finding for finding in kind.findings if finding not in tasks]:
        raise InputError(f"{name} does not answer {', '.join(missing)}", "give the zip of the CheXpert ensemble as published")
    return network, tuple(tasks[finding] for finding in kind.findings)


def _probabilities(logits: Tensor, kind: _Kind) -> Tensor:
    """P(present), (n, tasks); of three classes the second is absent, the third present, and unmentioned is left out."""
    return logits.reshape(len(logits), -1, 3)[..., 1:].softmax(-1)[..., 1] if kind.is_three_class else logits.sigmoid()
