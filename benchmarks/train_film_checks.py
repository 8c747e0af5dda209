"""Train pipeline/exclude/film_checks.csv on phantoms: `python benchmarks/train_film_checks.py`, half a minute.

Fisher's linear discriminant for each check, between frontal phantoms and the same phantoms changed, or lateral ones; the covariance is
ridged, and scores are scaled so that the two means score +1 and -1. No real film is used.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.base.thumbnails import SIDE_PX, low_frequencies
from pipeline.decode.field import exposed_field
from pipeline.exclude.film_checks import CHECKS, FREQUENCIES, WEIGHTS, Floats, features, in_field
from pipeline.sample.film import Darkroom, draw_technique
from pipeline.sample.people import draw_studies

Thumbnails = npt.NDArray[np.uint8]
PATIENTS, SEED = 300, 20_000
_PA_SHARE = 0.6
# Of the mean variance, so that directions in which phantoms do not vary, and patients do, get no say.
RIDGE = 0.3
CHANGES: dict[str, Callable[[Thumbnails], Thumbnails]] = {
    "positive": lambda films: 255 - films,
    "upright": lambda films: films[:, ::-1, ::-1],
    "not_turned_left": lambda films: np.rot90(films, 1, (1, 2)),
    "not_turned_right": lambda films: np.rot90(films, 3, (1, 2)),
    "not_mirrored": lambda films: films[:, :, ::-1],
}


def phantoms(patients: int, seed: int) -> tuple[Thumbnails, Thumbnails]:
    """Thumbnails of the exposed fields of one frontal and one lateral phantom a study, shapes (n, 32, 32)."""
    rng = np.random.default_rng(seed)
    darkroom = Darkroom(np.random.default_rng(seed + 1))
    frontal, lateral = [], []
    for study in draw_studies(seed, patients):
        view = "PA" if rng.random() < _PA_SHARE else "AP"
        frontal.append(_thumbnail(darkroom.frontal(study.patient.body, study.lesions, draw_technique(rng, view))))
        lateral.append(_thumbnail(darkroom.lateral(study.patient.body, study.lesions, draw_technique(rng, "LL"))))
    return np.stack(frontal), np.stack(lateral)


def _thumbnail(film: npt.NDArray[np.float32]) -> Thumbnails:
    levels = np.asarray(np.rint(film * 255), np.uint8)
    small = np.asarray(cv2.resize(levels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)
    return in_field(small[None], np.array([exposed_field(levels)]))[0]


def discriminant(usual: Floats, changed: Floats) -> Floats:
    """Offset and weights, shape (1 + d,), that score the mean of `usual` +1 and the mean of `changed` -1."""
    covariance = (np.cov(usual.T) + np.cov(changed.T)) / 2
    covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    apart = usual.mean(axis=0) - changed.mean(axis=0)
    weights = np.linalg.solve(covariance, apart)
    weights *= 2 / (weights @ apart)
    return np.concatenate([[-(usual.mean(axis=0) + changed.mean(axis=0)) @ weights / 2], weights])


def train(frontal: Thumbnails, lateral: Thumbnails) -> dict[str, Floats]:
    """Offset and weights of each check."""
    usual = features(frontal)
    return {
        check: discriminant(usual, features(lateral if check == "frontal" else np.ascontiguousarray(CHANGES[check](frontal))))
        for check in CHECKS
    }


def write(model: dict[str, Floats], path: Path) -> None:
    """One row a frequency, the first row the offsets."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["down", "across", *CHECKS])
        for row, (down, across) in enumerate([(0, 0), *low_frequencies(FREQUENCIES).tolist()]):
            writer.writerow([down, across, *(f"{model[check][row]:.5f}" for check in CHECKS)])


if __name__ == "__main__":
    write(train(*phantoms(PATIENTS, SEED)), WEIGHTS)
