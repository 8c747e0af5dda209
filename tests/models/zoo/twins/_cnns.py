"""Tiny random classifiers, as torchvision lays them out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.densenet import DenseNet
from torchvision.models.resnet import Bottleneck, ResNet


def densenet(seed: int, outputs: int, planes: int = 3) -> DenseNet:
    """One layer a block, growth 4."""
    torch.manual_seed(seed)
    network = DenseNet(growth_rate=4, block_config=(1, 1, 1, 1), num_init_features=8, num_classes=outputs)
    network.features.conv0 = nn.Conv2d(planes, 8, 7, 2, 3, bias=False)
    return lively(network)


def resnet(seed: int, outputs: int, planes: int = 3) -> ResNet:
    """One bottleneck a stage, inner width 2."""
    torch.manual_seed(seed)
    network = ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=2, num_classes=outputs)
    network.conv1 = nn.Conv2d(planes, 64, 7, 2, 3, bias=False)
    return lively(network)


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{key}": tensor for key, tensor in state.items()}


def lively(network: nn.Module) -> nn.Module:
    """Statistics that batch normalisation has after a training, and a head that tells films apart."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.3)
    return network.eval()
