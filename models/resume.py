"""The state of a training after an epoch, on disk: weights, optimizer, random generators, and what the training follows from.

On a CPU a training that goes on from it ends with the same bits as one that was never stopped. On a GPU the order of sums may differ.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from models.checkpoints import UNREADABLE
from pipeline.base.storage import atomic_bytes

if TYPE_CHECKING:
    from lightning_fabric.plugins.precision import Precision

    from models.training import Course

_COUNTS = ("epoch", "step", "best_loss", "best", "waited", "taken_over")


def keep(path: Path, fingerprint: str, course: Course, precision: Precision) -> None:
    """Write the state, whole or not at all.

    Args:
        path: file.
        fingerprint: digest of recipe, films, targets, code and library versions.
        course: after a finished epoch.
        precision: in which it computes; fp16 scales gradients by what it learnt from those before.
    """
    state: dict[str, Any] = {name: getattr(course, name) for name in _COUNTS}
    state |= {
        "fingerprint": fingerprint,
        "task": course.task.state_dict(),
        "optimizer": course.optimizer.state_dict(),
        "precision": precision.state_dict(),
        "order": course.order.get_state(),
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "average": None if course.average is None else course.average.state_dict(),
        "recorder": None if course.recorder is None else course.recorder.state(),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_bytes(path, buffer.getvalue())


def go_on(path: Path, fingerprint: str, course: Course, precision: Precision) -> bool:
    """Take up the state that is kept; False, and nothing happens, where there is none, it is damaged, or follows from something else."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE:
        return False
    if state.get("fingerprint") != fingerprint:
        return False
    for name in _COUNTS:
        setattr(course, name, state[name])
    _restore(course.task, state["task"])
    for name in course.taken_over:
        course.take_over(name)
    course.optimizer.load_state_dict(state["optimizer"])
    precision.load_state_dict(state["precision"])
    course.order.set_state(state["order"])
    torch.set_rng_state(state["random"])
    if state["random_cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["random_cuda"])
    if course.average is not None:
        course.average.load_state_dict(state["average"])
    if course.recorder is not None:
        course.recorder.restore(state["recorder"])
    return True


def _restore(module: nn.Module, state: dict[str, Tensor]) -> None:
    """As `load_state_dict`, but with the strides that were saved: kernels are chosen by them, and so are the last bits."""
    module.load_state_dict(state)
    for name, tensor in module.state_dict(keep_vars=True).items():
        tensor.data = state[name].to(tensor.device)
