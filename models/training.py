"""One network fitted to films, and its answers for films. Which films those are, `experiments` and the stages decide.

Lightning Fabric runs it on one device or several (DDP) and in the precision the device does well; the loop is ours, so that every step is
plain to read and a training that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models import devices, recipes, resume
from models.augmentation import augment, changes, standardise
from models.dynamics import Dynamics, Recorder
from models.films import Films
from models.networks import FilmNetwork, batch_norms, is_small
from models.objective import Task, masked_bce, of_every_process, prior_logits
from models.recipes import Recipe
from models.sampling import SAMPLERS, Order, batches
from models.schedules import SCHEDULES
from pipeline.base.errors import CxrError, InputError
from pipeline.base.progress import track

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule

Targets = npt.NDArray[np.float64]

WEIGHT_DECAY = 0.02
MAX_GRADIENT_NORM = 2.0
EVALUATION_BATCH = 64


@dataclass(frozen=True, slots=True)
class Material:
    """Films with what is known of them.

    Attributes:
        films: (n, size, size).
        targets: (n, findings) in [0, 1], NaN where unknown.
        findings: their names, which choose their losses; may be left out where all have the recipe's.
        groups: (n,) numbers, one a patient; films by films where left out.
    """

    films: Films
    targets: Targets
    findings: tuple[str, ...] = ()
    groups: npt.NDArray[np.int64] | None = None

    def losses(self, recipe: Recipe) -> tuple[str, ...]:
        """The loss of each column of `targets`."""
        return recipe.loss_of(self.findings) if self.findings else (recipe.loss,) * self.targets.shape[1]


@dataclass(frozen=True, slots=True)
class Keep:
    """Where a training keeps its state after every epoch, and what it follows from, so that it goes on only where nothing changed."""

    path: Path
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a training leaves behind besides the weights.

    Attributes:
        added: (findings,) log-odds that its losses added to the logits (`Loss.added`).
        dynamics: what was seen of the labels, where that was asked for.
    """

    added: Targets
    dynamics: Dynamics | None


@dataclass(slots=True)
class Course:
    """What changes while a training runs."""

    task: Task
    optimizer: torch.optim.Optimizer
    order: torch.Generator
    epoch: int = 0
    step: int = 0
    best_loss: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0
    average: torch.optim.swa_utils.AveragedModel | None = None
    recorder: Recorder | None = None
    taken_over: list[str] = field(default_factory=list)

    def take_over(self, name: str) -> None:
        """Go on with the optimizer of a loss that starts late."""
        if (own := self.task.late[name].optimizer(list(self.task.parameters()))) is not None:
            self.optimizer = own


def fit(
    network: FilmNetwork,
    material: Material,
    recipe: Recipe,
    what: str = "train",
    *,
    held_out: Material | None = None,
    sides: Targets | None = None,
    keep: Keep | None = None,
) -> Fitted:
    """Train a network in place and leave it in evaluation mode on its device.

    Args:
        network: with as many outputs as there are findings.
        material: to train on, n >= 2.
        recipe: how.
        what: said on the progress bar.
        held_out: films whose loss `recipe.patience` watches.
        sides: (n, findings) what given labels claim; with them the training is watched.
        keep: where the state goes after every epoch; a state found there goes on. It is removed at the end.

    Raises:
        InputError: fewer than two films, or no known target.
        CxrError: memory does not suffice, or the loss is no number any more.
    """
    n = len(material.films)
    if n < 2 or np.isnan(material.targets).all():
        raise InputError(
            f"{n} films with {np.isfinite(material.targets).sum()} known targets cannot train a model", "give more labelled films"
        )
    run: Callable[[Fabric, FilmNetwork], tuple[dict[str, Tensor], Fitted]] = partial(
        _fit, material=material, recipe=recipe, what=what, held_out=held_out, sides=sides, keep=keep
    )
    fabric, fitted = devices.fabric(recipe, network), Fitted(np.empty(0), None)
    try:
        if recipe.processes > 1:
            # Fabric would reach into what it hands back and try to move its parts between devices.
            launch: Any = fabric.launch
            state, fitted = pickle.loads(launch(_packed, run, network))
            network.load_state_dict(state)
        else:
            fitted = run(fabric, network)[1]
    except (torch.OutOfMemoryError, RuntimeError) as error:
        raise _explained(error, recipe) from error
    if keep is not None:
        keep.path.unlink(missing_ok=True)
    network.eval()
    return fitted


def predict_logits(network: FilmNetwork, films: Films, channels: int = 1) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Logits, (n, findings), and feature vectors, (n, width), of films, (n, size, size); dropout off, running statistics."""
    network.eval()
    device = next(network.parameters()).device
    logits, vectors = [], []
    with devices.deterministic(0, device, threads(network)), torch.inference_mode():
        for batch in _in_order(films, device, channels):
            found, vector = network(batch)
            logits.append(found.double().cpu().numpy())
            vectors.append(vector.float().cpu().numpy())
    width = network.head.in_features
    return np.concatenate([np.empty((0, network.head.out_features)), *logits]), np.concatenate([np.empty((0, width), np.float32), *vectors])


def threads(network: FilmNetwork) -> int:
    """CPU threads this network runs on, always the same on one machine."""
    return 1 if is_small(network) else devices.cores()


def settle_batch_norm(network: FilmNetwork, films: Films, channels: int = 1) -> None:
    """Replace the running statistics by the plain mean over batches of unchanged training films.

    A short training ends with an average over weights that no longer exist (Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm").
    """
    norms = batch_norms(network)
    before = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    if norms:
        with torch.inference_mode():
            for batch in _in_order(films, next(network.parameters()).device, channels):
                network.embed(batch)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.eval()


def _packed(fabric: Fabric, run: Callable[[Fabric, FilmNetwork], tuple[dict[str, Tensor], Fitted]], network: FilmNetwork) -> bytes:
    # Weights are sent in memory that the processes share: each would move those of all.
    return pickle.dumps(run(fabric, copy.deepcopy(network)))


def _fit(
    fabric: Fabric,
    network: FilmNetwork,
    material: Material,
    recipe: Recipe,
    what: str,
    held_out: Material | None,
    sides: Targets | None,
    keep: Keep | None,
) -> tuple[dict[str, Tensor], Fitted]:
    """One process of a training; the network is trained in place."""
    with devices.deterministic(recipe.seed + fabric.global_rank, fabric.device, threads(network)):
        targets = torch.as_tensor(material.targets, dtype=torch.float32)
        network.to(fabric.device).to(memory_format=torch.channels_last)
        course = _begin(network, targets, material.losses(recipe), recipe, sides)
        if keep is not None:
            resume.go_on(keep.path, keep.fingerprint, course, fabric.strategy.precision)
        if recipe.compile:
            network.compile()
        groups = np.arange(len(targets)) if material.groups is None else material.groups
        _run(fabric, course, material.films, targets, SAMPLERS[recipe.sampler](targets, groups), recipe, what, held_out, keep)
        if course.average is not None:
            network.load_state_dict(course.average.module.state_dict())
        if course.best:
            network.load_state_dict(course.best)
        settle_batch_norm(network, material.films, recipe.channels)
    seen = None if course.recorder is None else course.recorder.result()
    fitted = Fitted(course.task.added(1.0).double().cpu().numpy(), seen)
    return {key: value.cpu() for key, value in network.state_dict().items()}, fitted


def _begin(network: FilmNetwork, targets: Tensor, losses: tuple[str, ...], recipe: Recipe, sides: Targets | None) -> Course:
    device = next(network.parameters()).device
    peer = partial(recipes.new_network, replace(recipe, seed=recipe.seed + 1))
    task = Task(network, targets, losses, peer, recipe.learning_rate).to(device).to(memory_format=torch.channels_last)
    with torch.no_grad():
        network.head.bias.copy_(prior_logits(targets, task.added(0.0).cpu()))
    optimizer = torch.optim.AdamW(_parameter_groups(task), lr=recipe.learning_rate, weight_decay=WEIGHT_DECAY)
    course = Course(task, optimizer, torch.Generator().manual_seed(recipe.seed))
    if recipe.ema:
        averaging: Any = torch.optim.swa_utils
        course.average = averaging.AveragedModel(network, multi_avg_fn=averaging.get_ema_multi_avg_fn(recipe.ema), use_buffers=True)
    if sides is not None:
        course.recorder = Recorder(sides, recipe.epochs)
    return course


def _run(
    fabric: Fabric,
    course: Course,
    films: Films,
    targets: Tensor,
    order: Order,
    recipe: Recipe,
    what: str,
    held_out: Material | None,
    keep: Keep | None,
) -> None:
    """All epochs that are left."""
    n_steps = len(batches(order(torch.Generator()), recipe.batch_size))
    schedule = partial(SCHEDULES[recipe.schedule], recipe.epochs * n_steps)
    task, optimizer = fabric.setup(course.task, course.optimizer)
    prior = prior_logits(targets, torch.zeros(targets.shape[1]))
    left = (recipe.epochs - course.epoch) * n_steps
    steps = _steps(course, order, recipe)
    for rows, is_last in track(steps, what, total=left, unit=" batches") if fabric.is_global_zero else steps:
        progress = course.epoch / recipe.epochs
        for name, late in course.task.late.items():
            if progress >= late.starts_at and name not in course.taken_over:
                course.taken_over.append(name)
                course.take_over(name)
                optimizer = fabric.setup_optimizers(course.optimizer)
        for group in course.optimizer.param_groups:
            group["lr"] = group.setdefault("peak_lr", group["lr"]) * schedule(course.step)
        logits, mine = _step(fabric, task, optimizer, films, targets, rows, course, recipe, progress)
        course.step += 1
        if course.average is not None:
            course.average.update_parameters(course.task.network)
        if course.recorder is not None:
            _note(course, mine, logits, prior, progress)
        if is_last:
            course.epoch += 1
            is_over = recipe.patience > 0 and held_out is not None and _has_waited(fabric, course, held_out, recipe)
            if keep is not None and fabric.is_global_zero and course.epoch < recipe.epochs:
                resume.keep(keep.path, keep.fingerprint, course, fabric.strategy.precision)
            if is_over:
                return


def _steps(course: Course, order: Order, recipe: Recipe) -> Iterator[tuple[Tensor, bool]]:
    while course.epoch < recipe.epochs:
        parts = batches(order(course.order), recipe.batch_size)
        for place, rows in enumerate(parts, start=1):
            yield rows, place == len(parts)


def _step(
    fabric: Fabric,
    task: _FabricModule,
    optimizer: torch.optim.Optimizer,
    films: Films,
    targets: Tensor,
    rows: Tensor,
    course: Course,
    recipe: Recipe,
    progress: float,
) -> tuple[Tensor, Tensor]:
    """One step over all processes; answers the logits of this one's films and their rows."""
    drawn = changes(len(rows), course.order)[fabric.global_rank :: fabric.world_size]
    # Divided by the known cells of the whole step, so that neither processes nor parts change what a cell weighs.
    known = max(1, int(torch.isfinite(targets[rows]).sum()))
    mine, course_logits = rows[fabric.global_rank :: fabric.world_size], []
    parts = torch.arange(len(mine)).tensor_split(min(recipe.accumulate, len(rows) // fabric.world_size))
    task.train()
    optimizer.zero_grad(set_to_none=True)
    for part in parts:
        chosen = mine[part]
        batch = augment(_to_device(films[chosen.numpy()], fabric.device, 1), drawn[part])
        with fabric.no_backward_sync(task, enabled=fabric.world_size > 1 and part is not parts[-1]):
            total, logits = task(
                batch.expand(-1, recipe.channels, -1, -1), targets[chosen].to(fabric.device), chosen.to(fabric.device), progress
            )
            fabric.backward(total * (fabric.world_size / known))
        course_logits.append(logits.detach())
    # A scaled fp16 gradient may overflow; its step is then left out by the scaler.
    fabric.clip_gradients(
        task, optimizer, max_norm=MAX_GRADIENT_NORM, error_if_nonfinite=devices.precision(recipe, course.task.network) != "16-mixed"
    )
    optimizer.step()
    return torch.cat(course_logits), mine


def _note(course: Course, rows: Tensor, logits: Tensor, prior: Tensor, progress: float) -> None:
    assert course.recorder is not None
    rows, log_odds = of_every_process(rows, logits.cpu() - course.task.added(progress).cpu())
    course.recorder.note(course.epoch, rows, log_odds, prior)


def _has_waited(fabric: Fabric, course: Course, held_out: Material, recipe: Recipe) -> bool:
    """Keep the weights where the held-out loss is the least so far; whether `patience` epochs went by without that."""
    judged = course.task.network if course.average is None else course.average.module
    assert isinstance(judged, FilmNetwork)
    logits, _ = predict_logits(judged, held_out.films, recipe.channels)
    added = course.task.added((course.epoch - 1) / recipe.epochs).double().cpu()
    targets = torch.as_tensor(held_out.targets)
    loss = float(masked_bce(torch.as_tensor(logits) - added, targets).sum() / torch.isfinite(targets).sum())
    # All processes stop together, though their batch statistics differ.
    loss = fabric.broadcast(loss)
    if loss < course.best_loss:
        course.best_loss, course.waited = loss, 0
        course.best = copy.deepcopy({key: value.detach() for key, value in judged.state_dict().items()})
    else:
        course.waited += 1
    return course.waited >= recipe.patience


def _parameter_groups(task: nn.Module) -> list[dict[str, object]]:
    # Norms and biases are vectors; decaying them only shrinks scales (He et al. 2019, "Bag of Tricks", section 3.1).
    decayed = [weight for weight in task.parameters() if weight.ndim > 1]
    free = [weight for weight in task.parameters() if weight.ndim <= 1]
    return [{"params": decayed}, {"params": free, "weight_decay": 0.0}]


def _in_order(films: Films, device: torch.device, channels: int) -> Iterator[Tensor]:
    for rows in np.array_split(np.arange(len(films)), math.ceil(len(films) / EVALUATION_BATCH) or 1):
        if len(rows):
            yield _to_device(films[rows], device, channels)


def _to_device(films: npt.NDArray[np.uint8], device: torch.device, channels: int) -> Tensor:
    grey = standardise(torch.from_numpy(films).to(device))
    return grey.expand(-1, channels, -1, -1).contiguous(memory_format=torch.channels_last)


def _explained(error: Exception, recipe: Recipe) -> Exception:
    """The error in words that name the setting to change; another error as it is."""
    said = str(error)
    if isinstance(error, torch.OutOfMemoryError) or "not enough memory" in said or "can't allocate memory" in said:
        return CxrError(
            f"memory does not hold a step of {recipe.batch_size} films in {recipe.accumulate} parts",
            f"set train.accumulate={2 * recipe.accumulate}: it costs nothing else; or predict.batch_size or predict.size_px lower",
        )
    if "non-finite" in said:
        return CxrError("the loss is no number any more", "set predict.learning_rate lower, or train.precision=32")
    return error
