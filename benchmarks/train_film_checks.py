"""Train the checks of the pixels, film_checks.csv and mirrored.csv of pipeline/exclude: about a minute.

    python benchmarks/train_film_checks.py HOME [HOME ...]

HOME is a home after `cxr run EXPORT --home HOME --until group`. Polarity, posture and view are Fisher's linear discriminants between
phantoms of the sample hospital and the same phantoms changed, or lateral ones; the covariance is ridged, and scores are scaled so that the
two means score +1 and -1. The side is learnt by a network of one hidden layer and the build by a logistic regression, from the films of the
homes, which are taken to be the right way round and of the age in their header, together with the phantoms. Films that another check of the
pixels flags are left out. Nothing of a film is written, only weights.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.neural_network import MLPClassifier

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.films import facts, kept_films
from pipeline.base.images import Film
from pipeline.base.storage import Home
from pipeline.base.thumbnails import SIDE_PX, low_frequencies
from pipeline.decode.field import exposed_field
from pipeline.exclude.film_checks import (
    ADULT,
    CHECKS,
    FREQUENCIES,
    SIDE_WEIGHTS,
    WEIGHTS,
    Floats,
    Network,
    features,
    in_field,
    is_odd,
    mirror,
)
from pipeline.sample.film import Darkroom, draw_technique
from pipeline.sample.people import draw_studies

Thumbnails = npt.NDArray[np.uint8]
PATIENTS, SEED = 300, 20_000
_PA_SHARE = 0.6
# Of the mean variance, so that directions in which phantoms do not vary, and patients do, get no say.
RIDGE = 0.3
# Inverse of the ridge of the logistic regressions, on features whose mean square is 1.
_LOGISTIC = 0.01
_HIDDEN, _DECAY, _EPOCHS = 32, 1.0, 40
# Copies of a film's field, of so many pixels a side, that stand a little otherwise: degrees, share of the size, share of the side.
_COPIES, _PHANTOM_COPIES, _COPY_PX, _TURN, _SIZES, _SHIFT = 16, 3, 96, 4.0, (0.92, 1.12), 0.03
# Builds that are learnt: under and from so many years. Between them a body may look like either.
CHILD_UNDER_YEARS, ADULT_FROM_YEARS = 16, 18
_FOLDS = 10
_FLAGS = ("inverted_polarity", "rotated_film", "looks_lateral", "atypical_film")
CHANGES: dict[str, Callable[[Thumbnails], Thumbnails]] = {
    "positive": lambda films: 255 - films,
    "upright": lambda films: films[:, ::-1, ::-1],
    "not_turned_left": lambda films: np.rot90(films, 1, (1, 2)),
    "not_turned_right": lambda films: np.rot90(films, 3, (1, 2)),
}


@dataclass(frozen=True)
class Seen:
    """What is learnt from.

    Attributes:
        fields: low frequencies of the exposed fields, shape (n, 77).
        copies: those of the fields as if the patient stood a little otherwise, shape (n, copies, 77).
        wholes: those of the whole films, shape (n, 77).
        patients: whose, shape (n,).
        years: of age, NaN where unknown, shape (n,).
    """

    fields: Floats
    copies: Floats
    wholes: Floats
    patients: npt.NDArray[np.object_]
    years: Floats

    def of(self, rows: npt.NDArray[np.int64]) -> Seen:
        """Some of the films."""
        return Seen(self.fields[rows], self.copies[rows], self.wholes[rows], self.patients[rows], self.years[rows])


def see(films: list[Film], patients: list[str], years: list[float], copies: int = _COPIES) -> Seen:
    """What is seen of films."""
    found = facts(films)
    whole = np.frombuffer(b"".join(found["thumbnail"]), np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
    edges = found[["field_left", "field_top", "field_right", "field_bottom"]].to_numpy(np.float64)
    rng = np.random.default_rng(0)
    moved = np.stack([_moved(film, edge, copies, rng) for film, edge in zip(films, edges, strict=True)])
    low = features(moved.reshape(-1, SIDE_PX, SIDE_PX)).reshape(len(films), copies, -1)
    return Seen(features(in_field(whole, edges)), low, features(whole), np.array(patients, object), np.array(years, np.float64))


def _moved(film: Film, edges: Floats, copies: int, rng: np.random.Generator) -> Thumbnails:
    """Thumbnails, shape (copies, 32, 32), of a film's field as if the patient stood a little otherwise."""
    height, width = film.shape
    left, top, right, bottom = (edges * [width, height, width, height]).round().astype(int)
    field = cv2.resize(film[top:bottom, left:right], (_COPY_PX, _COPY_PX), interpolation=cv2.INTER_AREA)
    middle = (_COPY_PX - 1) / 2
    found = []
    for _ in range(copies):
        matrix = cv2.getRotationMatrix2D((middle, middle), rng.normal(0, _TURN), rng.uniform(*_SIZES))
        matrix[:, 2] += rng.normal(0, _SHIFT * _COPY_PX, 2)
        copy = cv2.warpAffine(field, matrix, (_COPY_PX, _COPY_PX), borderMode=cv2.BORDER_REPLICATE)
        found.append(cv2.resize(copy, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA))
    return np.asarray(found, np.uint8)


def films_of(home: Path) -> Seen:
    """The films of a home that no other check of the pixels flags."""
    rows = in_path_order(kept_films(home))
    opened = Home(home)
    flags = opened.read("exclusions", ["image_id", "reason"]).to_pandas()
    rows = rows[~rows["image_id"].isin(flags.loc[flags["reason"].isin(_FLAGS), "image_id"])]
    headers = opened.read("instances", ["image_id", "patient_age_years"]).to_pandas().drop_duplicates("image_id").set_index("image_id")
    years = pd.to_numeric(rows["image_id"].map(headers["patient_age_years"])).astype(np.float64)
    return see(list(rows["film"]), list(rows["patient"]), list(years))


def in_path_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Films in an order, and with a number `patient`, that no home's secret key decides, so that every home gives the same weights."""
    rows = rows.sort_values("path", ignore_index=True)
    return rows.assign(patient=[f"{number:06d}" for number in pd.factorize(rows["patient_id"])[0]])


def phantoms(patients: int, seed: int) -> tuple[list[Film], list[Film]]:
    """One frontal and one lateral phantom a study."""
    rng = np.random.default_rng(seed)
    darkroom = Darkroom(np.random.default_rng(seed + 1))
    frontal, lateral = [], []
    for study in draw_studies(seed, patients):
        view = "PA" if rng.random() < _PA_SHARE else "AP"
        frontal.append(_eight_bits(darkroom.frontal(study.patient.body, study.lesions, draw_technique(rng, view))))
        lateral.append(_eight_bits(darkroom.lateral(study.patient.body, study.lesions, draw_technique(rng, "LL"))))
    return frontal, lateral


def _eight_bits(film: npt.NDArray[np.float32]) -> Film:
    return np.asarray(np.rint(film * 255), np.uint8)


def thumbnails(films: list[Film]) -> Thumbnails:
    """Thumbnails of the exposed fields, shape (n, 32, 32)."""
    small = [np.asarray(cv2.resize(film, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8) for film in films]
    return in_field(np.stack(small), np.array([exposed_field(film) for film in films]))


def discriminant(usual: Floats, changed: Floats) -> Floats:
    """Offset and weights, shape (1 + d,), that score the mean of `usual` +1 and the mean of `changed` -1."""
    covariance = (np.cov(usual.T) + np.cov(changed.T)) / 2
    covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    apart = usual.mean(axis=0) - changed.mean(axis=0)
    weights = np.linalg.solve(covariance, apart)
    weights *= 2 / (weights @ apart)
    return np.concatenate([[-(usual.mean(axis=0) + changed.mean(axis=0)) @ weights / 2], weights])


def postures(frontal: Thumbnails, lateral: Thumbnails) -> dict[str, Floats]:
    """Offset and weights of each of CHECKS."""
    usual = features(frontal)
    return {
        check: discriminant(usual, features(lateral if check == "frontal" else np.ascontiguousarray(CHANGES[check](frontal))))
        for check in CHECKS
    }


def side(rows: Floats) -> Network:
    """The network of `not_mirrored`: films and copies, shape (n, 77), against their mirror images."""
    scale = np.sqrt(rows.var(axis=0).mean())
    fitted = MLPClassifier((_HIDDEN,), alpha=_DECAY, max_iter=_EPOCHS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops early so as not to learn the films by heart
        fitted.fit(np.concatenate([rows, mirror(rows)]) / scale, np.repeat([1, 0], len(rows)))
    (into, out), (at, _) = fitted.coefs_, fitted.intercepts_
    return into / scale, at, out[:, 0]


def build(wholes: Floats, years: Floats) -> Floats:
    """Offset and weights of `adult`, shape (78,); a flip changes nothing, as odd frequencies have no weight."""
    is_child, is_adult = years < CHILD_UNDER_YEARS, years >= ADULT_FROM_YEARS
    even = wholes[is_child | is_adult][:, ~is_odd()]
    scale = np.sqrt(even.var(axis=0).mean())
    fitted = LogisticRegression(C=_LOGISTIC, max_iter=3000).fit(even / scale, is_adult[is_child | is_adult])
    weights = np.zeros(1 + len(is_odd()))
    weights[np.r_[True, ~is_odd()]] = np.concatenate([fitted.intercept_, fitted.coef_[0] / scale])
    return weights


def held_out(films: Seen, made: Seen, usual: npt.NDArray[np.bool_]) -> Iterator[tuple[npt.NDArray[np.int64], Network, Floats]]:
    """For each fold of patients: its films, and what is learnt from the phantoms and the other patients' usual films."""
    for rest, here in GroupKFold(_FOLDS).split(films.fields, groups=films.patients):
        yield here, *learnt(films.of(rest[usual[rest]]), made)


def learnt(films: Seen, made: Seen) -> tuple[Network, Floats]:
    """The network of `not_mirrored`, and offset and weights of `adult`."""
    rows = [low.reshape(-1, low.shape[-1]) for seen in (films, made) for low in (seen.fields, seen.copies)]
    return side(np.concatenate(rows)), build(np.concatenate([films.wholes, made.wholes]), np.concatenate([films.years, made.years]))


def write(model: dict[str, Floats], path: Path) -> None:
    """One row a frequency, the first row the offsets."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["down", "across", *CHECKS, ADULT])
        for row, (down, across) in enumerate([(0, 0), *low_frequencies(FREQUENCIES).tolist()]):
            writer.writerow([down, across, *(f"{model[check][row]:.5f}" for check in (*CHECKS, ADULT))])


def write_network(network: Network, path: Path) -> None:
    """A row for each frequency, then the hidden units' offsets, then the weights out of them."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([f"{value:.4f}" for value in row] for row in np.vstack(network))


def made_films(frontal: list[Film]) -> Seen:
    """Phantoms as films of adults, each a patient of its own."""
    return see(frontal, [f"phantom {number}" for number in range(len(frontal))], [float(ADULT_FROM_YEARS)] * len(frontal), _PHANTOM_COPIES)


def joined(homes: list[Seen]) -> Seen:
    """Films of several homes; a patient of two homes is two."""
    patients = [np.array([f"{number} {patient}" for patient in home.patients], object) for number, home in enumerate(homes)]
    return Seen(
        np.concatenate([home.fields for home in homes]),
        np.concatenate([home.copies for home in homes]),
        np.concatenate([home.wholes for home in homes]),
        np.concatenate(patients),
        np.concatenate([home.years for home in homes]),
    )


def main() -> None:
    """Command line."""
    if len(sys.argv) < 2:
        raise SystemExit("name one or more homes with real films: python benchmarks/train_film_checks.py HOME [HOME ...]")
    frontal, lateral = phantoms(PATIENTS, SEED)
    network, adult = learnt(joined([films_of(Path(home)) for home in sys.argv[1:]]), made_films(frontal))
    write(postures(thumbnails(frontal), thumbnails(lateral)) | {ADULT: adult}, WEIGHTS)
    write_network(network, SIDE_WEIGHTS)


if __name__ == "__main__":
    main()
