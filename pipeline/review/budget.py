"""Which films to read in the time there is: those whose labels hold the most expected errors for a second of a reader's time.

A film costs a reader the time to open it and some more for each finding that is asked. So one film with three doubtful labels may be worth
more than three films with one each, and a second label of an open film is worth asking where it would not be worth a film of its own. The
choice is the fractional knapsack's (Dantzig 1957, Operations Research 5:266): at a price for a second, a label is asked where its expected
error is worth its own seconds, and a film is read where its labels' gain pays for opening it. The price is what spends the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.base.errors import SettingsError
from pipeline.base.settings import Review

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_HALVINGS = 60
_ROUNDING_S = 1e-6
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Cells:
    """Labels that may be asked: expected error, film, and whether a quota asks for it, each of shape (n,), films numbered from 0."""

    p_wrong: Floats
    film: Ints
    is_due: npt.NDArray[np.bool_]

    def by_film(self, values: Floats) -> Floats:
        """Sum over the labels of each film."""
        return np.bincount(self.film, values, minlength=int(self.film.max(initial=-1)) + 1).astype(np.float64)


def queue(cells: pd.DataFrame, minutes: float, review: Review) -> pd.DataFrame:
    """The labels to ask for, film by film, those with the most expected errors for a second first.

    Args:
        cells: image_id, finding, label_quality_score; labels that nobody has decided.
        minutes: of a reader's time, second reads included.
        review: seconds, second reads, quota and stopping rule.

    Returns:
        Rows of `cells` that are to be read, with position (of the film, from 1), seconds (of the film), p_wrong, and is_second (whether a
        second reader is to read the film as well, without knowing of the first), ordered by position and p_wrong. Deterministic: which
        films are read twice follows from the image_id.

    Raises:
        SettingsError: the quota alone takes longer.
    """
    known = cells[cells["label_quality_score"].notna()].sort_values(["image_id", "finding"]).reset_index(drop=True)
    films, film = np.unique(known["image_id"].astype(str), return_inverse=True)
    p_wrong = 1 - known["label_quality_score"].to_numpy(np.float64)
    table = _Cells(p_wrong, film, _due(known["finding"], p_wrong, review.quota))
    seconds = minutes * 60 / (1 + review.second_read_share)
    asked = _at_price(table, _price(table, seconds, review), review)
    spent = _seconds(table, asked, review)
    worth = np.divide(table.by_film(p_wrong * asked), spent, out=np.zeros(len(films)), where=spent > 0)
    is_due = table.by_film(table.is_due.astype(np.float64)) > 0
    # At the price itself more films may be worth it than there is time for: they are equally worth it, and the last ones stay out.
    fits = np.empty(len(films), bool)
    taken = np.lexsort((films, -worth, ~is_due))
    fits[taken] = np.cumsum(spent[taken]) <= seconds + _ROUNDING_S
    position = np.empty(len(films), np.int64)
    position[np.lexsort((films, -worth, ~fits))] = np.arange(1, len(films) + 1)
    twice = _read_twice(films, review.second_read_share)
    made = known.assign(position=position[film], seconds=spent[film], p_wrong=p_wrong, is_second=twice[film])[asked & fits[film]]
    return made.sort_values(["position", "p_wrong", "finding"], ascending=[True, False, True]).reset_index(drop=True)


def summary(cells: pd.DataFrame, chosen: pd.DataFrame, review: Review) -> dict[str, float]:
    """What a queue promises: films, labels, minutes with second reads, and errors expected in it, in all labels, and if read at random."""
    per_film = chosen.drop_duplicates("image_id")
    seconds = float((per_film["seconds"] * (1 + per_film["is_second"])).sum())
    p_wrong = 1 - cells["label_quality_score"].dropna().to_numpy(np.float64)
    single = review.seconds_per_film + review.seconds_per_finding
    return {
        "films": len(per_film),
        "labels": len(chosen),
        "minutes": seconds / 60,
        "errors": float(chosen["p_wrong"].sum()),
        "errors_in_all": float(p_wrong.sum()),
        "errors_at_random": float(p_wrong.mean() * seconds / single) if len(p_wrong) else 0.0,
    }


def in_words(promise: dict[str, float]) -> str:
    """A summary as a sentence."""
    share = promise["errors"] / promise["errors_in_all"] if promise["errors_in_all"] else 0.0
    return (
        f"{promise['minutes']:.0f} minutes: {promise['labels']:.0f} labels of {promise['films']:.0f} films, in which "
        f"{promise['errors']:.1f} wrong labels are expected, {share:.0%} of all {promise['errors_in_all']:.1f}; "
        f"labels read at random would show {promise['errors_at_random']:.1f}"
    )


def _due(finding: pd.Series[str], p_wrong: Floats, quota: int) -> npt.NDArray[np.bool_]:
    """The most suspicious labels of each finding, so many as the quota says."""
    place = pd.Series(-p_wrong).groupby(finding.to_numpy()).rank(method="first")
    return np.asarray(place.to_numpy() <= quota)


def _price(cells: _Cells, seconds: float, review: Review) -> float:
    """Expected errors that a second must find, so that the time is just spent."""
    least = review.stop_below_per_hour / _HOUR_S
    if _total(cells, least, review) <= seconds:
        return least
    # One label is wrong at most once.
    low, high = least, 1 / review.seconds_per_finding
    if (needed := _total(cells, high, review)) > seconds:
        raise SettingsError(
            f"a quota of {review.quota} labels a finding takes {needed * (1 + review.second_read_share) / 60:.0f} minutes",
            "give more minutes, or lower review.quota",
        )
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _total(cells, middle, review) > seconds else (low, middle)
    return low


def _total(cells: _Cells, price: float, review: Review) -> float:
    return float(_seconds(cells, _at_price(cells, price, review), review).sum())


def _at_price(cells: _Cells, price: float, review: Review) -> npt.NDArray[np.bool_]:
    """Labels that are worth a reader's time at a price, shape (n,)."""
    gain = cells.p_wrong - price * review.seconds_per_finding
    is_open = cells.by_film(cells.is_due.astype(np.float64)) > 0
    pays = cells.by_film(np.maximum(gain, 0.0)) > price * review.seconds_per_film
    return cells.is_due | ((gain > 0) & (is_open | pays)[cells.film])


def _seconds(cells: _Cells, asked: npt.NDArray[np.bool_], review: Review) -> Floats:
    """Seconds that each film takes, shape (films,)."""
    n_asked = cells.by_film(asked.astype(np.float64))
    return np.where(n_asked > 0, review.seconds_per_film + review.seconds_per_finding * n_asked, 0.0)


def _read_twice(films: npt.NDArray[np.str_], share: float) -> npt.NDArray[np.bool_]:
    """A share of films, by a digest of their ids: the same films however long the queue."""
    from hashlib import blake2b

    numbers = [int.from_bytes(blake2b(film.encode(), digest_size=8).digest(), "big") for film in films]
    return np.array(numbers, np.float64) < share * 2.0**64
