"""How a network is trained, in one object; settings become a recipe here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from models import checkpoints, devices
from models.networks import FilmNetwork
from pipeline.base.interfaces import MODELS
from pipeline.base.provenance import file_sha256
from pipeline.base.settings import Settings


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    Attributes:
        model: registered architecture.
        epochs: passes over the training films.
        batch_size: films a step, at most.
        learning_rate: peak of the schedule.
        seed: of weights, order, dropout and augmentation.
        device: auto, cpu or cuda.
        checkpoint: weights to start from; random when None.
        channels: planes of a film as the network sees it; 3 repeats the grey one.
        loss: registered loss of every finding that has none of its own.
        losses: finding -> its own loss.
        schedule: one_cycle or cosine.
        sampler: film, patient or finding.
        precision: auto, 32, bf16 or fp16.
        accumulate: parts a step is cut into, one after the other; the step itself stays the same.
        ema: decay of the moving average of the weights that is kept in the end; 0 keeps the last weights.
        patience: epochs without a better loss on the films held out for calibration, after which training stops; 0 never stops.
        calibration: platt, temperature or isotonic.
        compile: whether torch compiles the network.
        processes: processes with one device each (DDP).
        frozen: whether the trunk stays as the checkpoint has it and only heads are fitted.
    """

    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    device: str = "auto"
    checkpoint: Path | None = None
    channels: int = 1
    loss: str = "weighted_bce"
    losses: tuple[tuple[str, str], ...] = ()
    schedule: str = "one_cycle"
    sampler: str = "film"
    precision: str = "auto"
    accumulate: int = 1
    ema: float = 0.0
    patience: int = 0
    calibration: str = "platt"
    compile: bool = False
    processes: int = 1
    frozen: bool = False

    def loss_of(self, findings: tuple[str, ...]) -> tuple[str, ...]:
        """The loss of each finding."""
        own = dict(self.losses)
        return tuple(own.get(finding, self.loss) for finding in findings)


def from_settings(settings: Settings, epochs: int, seed: int) -> Recipe:
    """The recipe that the sections `predict` and `train` describe.

    Args:
        settings: `predict.model` settled (`devices.settle`).
        epochs: of this training.
        seed: of this training.
    """
    predict, train = settings.predict, settings.train.model_dump()
    losses = tuple(sorted(train.pop("losses").items()))
    return Recipe(
        predict.model,
        epochs,
        predict.batch_size,
        predict.learning_rate,
        seed,
        predict.device,
        predict.checkpoint,
        losses=losses,
        **train,
    )


def facts(recipe: Recipe) -> dict[str, object]:
    """What a training follows from besides its films: for the key of a stored result."""
    found: dict[str, object] = asdict(recipe)
    found["device"] = devices.choose(recipe.device).type
    found["checkpoint"] = (
        file_sha256(recipe.checkpoint) if recipe.checkpoint is not None and recipe.checkpoint.is_file() else str(recipe.checkpoint)
    )
    return found


def new_network(recipe: Recipe, n_outputs: int) -> FilmNetwork:
    """The recipe's network: random weights from its seed, or its checkpoint with a fresh head.

    Raises:
        PluginError: no such model.
        InputError: the checkpoint does not fit.
    """
    build = MODELS.get(recipe.model)
    with devices.deterministic(recipe.seed, torch.device("cpu")):
        network: FilmNetwork = build(n_outputs, recipe.channels)
    if recipe.checkpoint is not None:
        checkpoints.start_from(network, recipe.checkpoint)
    return network
