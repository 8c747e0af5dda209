"""A published model with the files a user gave, ready to score any number of films. What a system is belongs to `models.zoo`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError

from models import devices
from pipeline.base.errors import InputError, PluginError, SettingsError
from pipeline.base.images import Film
from pipeline.base.interfaces import ZOO, ModelOptions, Scorer
from pipeline.base.provenance import path_sha256

Scores = npt.NDArray[np.float32]
# How far a score may move with the films beside it, relative and absolute: kernels of other sizes add in another order.
_CLOSE = (1e-4, 1e-5)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model on its device.

    Attributes:
        name: as registered.
        checkpoint_sha256: of the file, or of the folder's names and files.
        options: all of them, as JSON values.
        notes: what was said while it was loaded.
    """

    name: str
    scorer: Scorer
    checkpoint_sha256: str
    options: dict[str, Any]
    device: torch.device
    notes: tuple[str, ...]


def options_of(name: str, given: Mapping[str, Any]) -> ModelOptions:
    """The options of one model, checked.

    Raises:
        PluginError: no such model, or it lacks a package.
        SettingsError: an unknown option or a bad value.
    """
    if name not in ZOO.names():
        raise PluginError(f"no published model is called {name!r}", f"choose one of: {', '.join(ZOO.names())}")
    declared = ZOO.get(name).Options
    try:
        return declared(**given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(sorted(declared.model_fields)) or "none"
        raise SettingsError(f"option {where} of {name}: {first['msg']}", f"its options: {known}; docs/models.md explains them") from error


def load(name: str, checkpoint: Path, given: Mapping[str, Any], device: str) -> Loaded:
    """Load a model.

    Args:
        name: as registered.
        checkpoint: file or folder.
        given: options by name.
        device: auto, cpu or cuda.

    Raises:
        InputError: the files are missing, unsafe or another model's.
        PluginError: no such model, or it lacks a package.
        SettingsError: an option or the device is wrong.
    """
    options, chosen = options_of(name, given), devices.choose(device, "--device")
    if not checkpoint.exists():
        raise InputError(f"the checkpoint {checkpoint} does not exist", f"{name} needs: {ZOO.get(name).card.weights}")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        scorer = ZOO.get(name).load(checkpoint, options, chosen)
    notes = tuple(dict.fromkeys(str(one.message) for one in said if issubclass(one.category, UserWarning)))
    return Loaded(name, scorer, path_sha256(checkpoint), options.model_dump(mode="json"), chosen, notes)


def resemblance(checkpoint: Path) -> str:
    """What a file that a model refused looks like instead, in words; of a folder or a file without tensors nothing."""
    from models.zoo import _classifier, _layout

    try:
        return f"; {_classifier.resemblance(_layout.read(checkpoint))}"
    except InputError:
        return ""


def score(loaded: Loaded, films: Iterable[tuple[str, Film]], batch_size: int) -> Iterator[tuple[list[str], Scores]]:
    """Score films in batches, in their order.

    Args:
        loaded: the model.
        films: id and pixels; may be endless.
        batch_size: films at a time.

    Yields:
        Ids, and scores of shape (ids, findings).

    Raises:
        InputError: a score is not a number.
    """
    films = iter(films)
    while batch := list(islice(films, batch_size)):
        prepared = torch.stack([loaded.scorer.prepare(film) for _, film in batch])
        scores = loaded.scorer.score(prepared).numpy()
        if not np.isfinite(scores).all():
            raise InputError(f"{loaded.name} gives scores that are no numbers", "check the checkpoint with: cxr models check")
        yield [name for name, _ in batch], scores


def self_test(loaded: Loaded) -> list[str]:
    """What is wrong with a model on made films: noise of several shapes, and constant films; empty when nothing is."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, shape, np.uint8) for shape in ((512, 512), (512, 420), (300, 512))]
    films = torch.stack([loaded.scorer.prepare(film) for film in (*noise, np.zeros((256, 256), np.uint8))])
    found, wrong = loaded.scorer.score(films), []
    if found.shape != (len(films), len(loaded.scorer.findings)):
        return [f"scores have the shape {tuple(found.shape)}, expected {(len(films), len(loaded.scorer.findings))}"]
    if not found.isfinite().all():
        wrong.append("scores of noise or of a black film are no numbers")
    if torch.equal(found[0], found[1]) and torch.equal(found[0], found[2]):
        wrong.append("three films of noise have the same scores: nothing of a film reaches the end")
    if not torch.allclose(loaded.scorer.score(films), found, *_CLOSE):
        wrong.append("the same films have other scores the second time")
    if not torch.allclose(torch.cat([loaded.scorer.score(film[None]) for film in films]), found, *_CLOSE):
        wrong.append("a film's scores depend on the films beside it")
    return wrong
