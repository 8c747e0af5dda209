"""Where a training runs, and how it is made to give the same numbers twice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from pipeline.base.errors import SettingsError
from pipeline.base.settings import Settings

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from models.networks import FilmNetwork
    from models.recipes import Recipe

MAX_THREADS = 8
AUTO, ON_CPU, ON_GPU = "auto", "mobilenet_v3_small", "densenet121"


def choose(wanted: str, setting: str = "predict.device") -> torch.device:
    """The device for "auto", "cpu" or "cuda"; `setting` is what the error names.

    Raises:
        SettingsError: cuda is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SettingsError(f"{setting} is cuda, and no CUDA device is visible", f"set {setting} to auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def settle(wanted: Settings) -> Settings:
    """Settings in which `predict.model` "auto" is the network that suits the device: a small one on a CPU, DenseNet-121 on a GPU.

    Raises:
        SettingsError: as `choose`.
    """
    if wanted.predict.model != AUTO:
        return wanted
    model = ON_GPU if choose(wanted.predict.device).type == "cuda" else ON_CPU
    return wanted.model_copy(update={"predict": wanted.predict.model_copy(update={"model": model})})


def describe(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"cpu ({cores()} cores)"


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself; emulated it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def precision(recipe: Recipe, network: FilmNetwork) -> str:
    """Fabric's word for the number format: what the recipe asks for, or what the device does well.

    Raises:
        SettingsError: fp16 without a GPU.
    """
    device = choose(recipe.device)
    if recipe.precision == "auto":
        if network.is_faster_in_bf16 and has_bf16(device):
            return "bf16-mixed"
        return "16-mixed" if network.is_faster_in_bf16 and device.type == "cuda" else "32-true"
    if recipe.precision == "fp16" and device.type == "cpu":
        raise SettingsError("train.precision is fp16, which needs a GPU", "set train.precision to auto, bf16 or 32")
    return {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}[recipe.precision]


def fabric(recipe: Recipe, network: FilmNetwork) -> Fabric:
    """Lightning Fabric for one process, or for `recipe.processes` of them (DDP).

    Raises:
        SettingsError: more processes than GPUs, or as `choose` and `precision`.
    """
    from lightning_fabric import Fabric

    device = choose(recipe.device)
    if device.type == "cuda" and recipe.processes > torch.cuda.device_count():
        raise SettingsError(
            f"train.processes is {recipe.processes}, and {torch.cuda.device_count()} GPUs are visible",
            "set train.processes to their number",
        )
    strategy = "ddp_spawn" if recipe.processes > 1 else "auto"
    chosen: Any = precision(recipe, network)
    return Fabric(accelerator=device.type, devices=recipe.processes, strategy=strategy, precision=chosen)


@contextlib.contextmanager
def deterministic(seed: int, device: torch.device, threads: int = 1) -> Iterator[None]:
    """Seeded, deterministic kernels and a fixed number of threads, on which the order of a sum depends; what was set before is restored."""
    # cuBLAS reads this when its first handle is made (CUDA documentation, "Results reproducibility").
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    was_on, was_warn = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    was_threads, was_benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    knobs: Any = torch.utils.deterministic
    was_filled = knobs.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[device.index or 0] if device.type == "cuda" else []):
        try:
            torch.manual_seed(seed)
            # On CUDA the interpolation of a transformer's positions has no deterministic gradient: torch warns, and the rest stays fixed.
            torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
            torch.set_num_threads(min(threads, MAX_THREADS))
            torch.backends.cudnn.benchmark = False
            # Half the time of a forward pass, to guard against reading memory that nobody wrote; no layer here does.
            knobs.fill_uninitialized_memory = False
            yield
        finally:
            torch.use_deterministic_algorithms(was_on, warn_only=was_warn)
            torch.set_num_threads(was_threads)
            torch.backends.cudnn.benchmark = was_benchmark
            knobs.fill_uninitialized_memory = was_filled
