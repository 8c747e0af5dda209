"""A torchvision ResNet whose depth and width are those of the tensors it is filled with."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from models.zoo import _layout

_STAGES = ("layer1", "layer2", "layer3", "layer4")


def resnet_of(state: _layout.State, name: str) -> ResNet:
    """The network in torchvision's layout, filled, in evaluation mode.

    Args:
        state: tensors; `fc` may be missing, and is then nothing, so that the network ends with its pooled features.
        name: the file, for errors.

    Raises:
        InputError: the tensors are no ResNet's.
    """
    width = _layout.shape(state, "layer1.0.conv2.weight", name)[0]
    is_bottleneck = "layer1.0.conv3.weight" in state
    network = ResNet(
        Bottleneck if is_bottleneck else BasicBlock,
        [_layout.count(state, f"{stage}.") for stage in _STAGES],
        # Basic blocks have one width alone.
        width_per_group=width if is_bottleneck else 64,
    )
    head = state.get("fc.weight")
    network.fc = nn.Identity() if head is None else nn.Linear(head.shape[1], head.shape[0], bias="fc.bias" in state)
    _layout.fill(network, state, name)
    return network.eval()


def maps(network: ResNet, films: Tensor) -> tuple[Tensor, Tensor]:
    """Feature maps of the last two stages, (n, planes, height, width), the last one half as high and wide."""
    found = network.maxpool(network.relu(network.bn1(network.conv1(films))))
    third = network.layer3(network.layer2(network.layer1(found)))
    return third, network.layer4(third)
