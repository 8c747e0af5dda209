"""What is believed of annotators before their agreement is looked at: `priors.toml` turned into pseudo-counts.

The file says what a label is worth, P(present | state), and how much an annotator misses. Both travel between archives far better
than a false-positive rate, which falls with the prevalence. With the archive's own frequencies of the states, Bayes' rule turns them
into emission tables. Here belong these beliefs; the estimate is `posterior.py`'s.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import ndtr
from scipy.stats import binom

from pipeline.base.errors import SettingsError
from pipeline.base.interfaces import is_film_reader
from pipeline.label.matrix import MISSING, N_WORDS, NEGATIVE, POSITIVE, UNCERTAIN, UNMENTIONED, WEAK, Codes

Floats = npt.NDArray[np.float64]
FILE = Path(__file__).with_name("priors.toml")
_FLOOR = 1e-4
_SILENCE = 0.5
# Theta is the probit of the share of radiologists who would call a film.
GRID: Floats = np.linspace(-8, 8, 65)
CALLED: Floats = np.stack([ndtr(-GRID), ndtr(GRID)])
# Not called and called by three or more of five radiologists.
MAJORITY: Floats = np.stack([binom.cdf(2, 5, CALLED[1]), binom.sf(2, 5, CALLED[1])])


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Worth(_Entry):
    """What one kind of annotator's states are worth for one finding.

    Attributes:
        positive: P(present | POSITIVE).
        uncertain: P(present | UNCERTAIN), strong or of an unknown grade.
        weak: what a weak UNCERTAIN is worth, as a share of that.
        found: share of present findings that it calls POSITIVE or UNCERTAIN.
        denied: odds that a missed finding was denied outright, relative to passed over in silence, per film of each state.
    """

    positive: float = Field(gt=0, lt=1)
    uncertain: float = Field(gt=0, lt=1)
    weak: float = Field(gt=0, le=1)
    found: float = Field(gt=0, lt=1)
    denied: float = Field(gt=0, le=1)


class Kind(Worth):
    """Annotators whose names start with `prefix`, with the weight of the prior and the findings that differ."""

    prefix: str
    strength: float = Field(gt=0)
    findings: dict[str, dict[str, float]] = {}

    def worth(self, finding: str) -> Worth:
        """The worth for one finding."""
        common = self.model_dump(include=set(Worth.model_fields))
        return Worth.model_validate(common | self.findings.get(finding, {}))


class Reader(_Entry):
    """Radiologists who look at the film.

    Attributes:
        slip: how often a reader records something else than what was perceived.
        strength: pseudo-counts of that for each reader and perception.
        theta_sd: spread over films of theta, the probit of the share of radiologists who would call the finding.
        shape: pseudo-films that pull the distribution of theta towards a normal one.
    """

    slip: float = Field(gt=0, lt=0.5)
    strength: float = Field(gt=0)
    theta_sd: float = Field(gt=0)
    shape: float = Field(ge=0)


class Labeler(_Entry):
    """Annotators that read the report, by how their names start: how often they make another state of it, and pseudo-counts of that."""

    prefix: str
    slip: float = Field(gt=0, lt=0.5)
    strength: float = Field(gt=0)


class Prevalence(_Entry):
    """Prior of the prevalence: pseudo-films, and the mean of an unseen finding."""

    strength: float = Field(gt=0)
    mean: float = Field(gt=0, lt=1)


class PriorFile(_Entry):
    """The whole file."""

    reader_error: float = Field(gt=0, lt=0.5)
    share: float = Field(ge=0)
    prevalence: Prevalence
    reader: Reader
    labeler: tuple[Labeler, ...]
    annotator: tuple[Kind, ...]

    def of(self, finding: str, annotators: tuple[str, ...], codes: Codes, elsewhere: Slips | None = None) -> Priors:
        """Priors of one finding.

        Args:
            finding: the finding.
            annotators: their names; the longest matching prefix wins, readers apart.
            codes: their words, shape (n, annotators).
            elsewhere: how often the same annotators slip on other findings; it moves what is believed, not how strongly.
        """
        is_reader = np.array([is_film_reader(annotator) for annotator in annotators], bool)
        asked = codes != MISSING
        n_unread = int((asked.any(axis=1) & ~asked[:, is_reader].any(axis=1)).sum())
        mean = self._prevalence(finding, annotators, codes)
        theta = _theta(mean, self.reader.theta_sd)
        films = self.prevalence.strength + (self.reader.shape if is_reader.any() else 0.0)
        labelers = [self._labeler(annotator) for annotator in annotators if not is_film_reader(annotator)]
        known = elsewhere or Slips(np.zeros((int(is_reader.sum()), 2, 2)), np.zeros((len(labelers), 2)))
        slips = [_mean_slip(self.reader, one) for one in known.readers]
        readers = [_recorded(slip, frequencies(column)) for slip, column in zip(slips, codes[:, is_reader].T, strict=True)]
        report, worth = self._report(finding, annotators, codes, theta, n_unread)
        texts = np.array([frequencies(column) for column in codes[:, ~is_reader].T]).reshape(-1, N_WORDS)
        return Priors(
            theta=(films + self.share * n_unread) * theta,
            readers=self.reader.strength * np.array(readers).reshape(-1, 2, N_WORDS),
            report=report,
            strength=(films, worth),
            slips=np.array([_slips(one, seen) for one, seen in zip(labelers, known.texts, strict=True)]).reshape(-1, 2),
            faithful=np.array([_faithful(counts, texts.sum(axis=0)) for counts in texts]).reshape(-1, N_WORDS, N_WORDS),
            usual=_normalise(texts),
            is_reader=is_reader,
        )

    def _report(self, finding: str, annotators: tuple[str, ...], codes: Codes, theta: Floats, n_unread: int) -> tuple[Floats, float]:
        """What a report says by what its author perceived, shape (2, words), and how strongly that is believed.

        States by truth come out at their usual worth.
        """
        said = {
            annotator: frequencies(column) for annotator, column in zip(annotators, codes.T, strict=True) if not is_film_reader(annotator)
        }
        if not said:
            return np.ones((2, N_WORDS)), float(N_WORDS)
        # Who has fewer words than another tells less of what reports say.
        most = max(np.count_nonzero(counts) for counts in said.values())
        kinds = [(self._kind(name), counts) for name, counts in said.items() if np.count_nonzero(counts) == most]
        slips = np.array([self._labeler(name).slip for name, counts in said.items() if np.count_nonzero(counts) == most])
        weights = np.array([counts.sum() + 1 for _, counts in kinds])
        read = read_as(slips, np.eye(N_WORDS), _normalise(np.array([counts for _, counts in kinds])))
        by_truth = [_tables(kind.worth(finding), counts, self.prevalence)[0] for kind, counts in kinds]
        made = np.array(by_truth) @ np.linalg.inv(read)
        called = _normalise(MAJORITY * theta) @ CALLED.T  # P(perceived | truth)
        perceived = theta @ CALLED.T
        written = np.linalg.solve(called, np.average(made, axis=0, weights=weights))
        strength = float(np.average([kind.strength for kind, _ in kinds], weights=weights))
        return (strength + self.share * n_unread * perceived[:, None]) * _normalise(np.maximum(written, 0.0)), strength

    def _prevalence(self, finding: str, annotators: tuple[str, ...], codes: Codes) -> float:
        """What the annotators' states, at their usual worth, say of the prevalence; readers at the share they call."""
        guesses, asked = [], []
        for annotator, column in zip(annotators, codes.T, strict=True):
            counts = frequencies(column)
            if is_film_reader(annotator):
                called, usual = float(counts[POSITIVE]), self.prevalence
                guesses.append((called + usual.strength * usual.mean) / (counts.sum() + usual.strength))
            else:
                guesses.append(_tables(self._kind(annotator).worth(finding), counts, self.prevalence)[1])
            asked.append(counts.sum())
        return float(np.average(guesses, weights=asked)) if sum(asked) else self.prevalence.mean

    def _kind(self, annotator: str) -> Kind:
        return max((kind for kind in self.annotator if annotator.startswith(kind.prefix)), key=lambda kind: len(kind.prefix))

    def _labeler(self, annotator: str) -> Labeler:
        return max((kind for kind in self.labeler if annotator.startswith(kind.prefix)), key=lambda kind: len(kind.prefix))


@dataclass(frozen=True, slots=True)
class Slips:
    """Expected numbers of slips and faithful statements of annotators.

    Attributes:
        readers: by what was perceived (no, yes), shape (readers, 2, 2): slipped, faithful.
        texts: of annotators that read the report, shape (others, 2).
    """

    readers: Floats
    texts: Floats

    def __add__(self, other: Slips) -> Slips:
        return Slips(self.readers + other.readers, self.texts + other.texts)

    def __sub__(self, other: Slips) -> Slips:
        return Slips(self.readers - other.readers, self.texts - other.texts)


@dataclass(frozen=True, slots=True)
class Priors:
    """Pseudo-counts of one finding; words as in `matrix`.

    Attributes:
        theta: films over the grid of theta, shape (grid,).
        readers: states of each reader by what was perceived (no, yes), shape (readers, 2, words).
        report: states of a report by what its author perceived, shape (2, words).
        strength: pseudo-counts of `theta` and of a row of `report` that come from outside the archive, which say how far they may be off.
        slips: of each other annotator, slips and faithful readings of the report, shape (others, 2).
        faithful: what each of them says of a report's state without a slip, shape (others, words, words).
        usual: share of each state among what such an annotator says, shape (others, words).
        is_reader: which annotators are readers, shape (annotators,).
    """

    theta: Floats
    readers: Floats
    report: Floats
    strength: tuple[float, float]
    slips: Floats
    faithful: Floats
    usual: Floats
    is_reader: npt.NDArray[np.bool_]

    def drawn(self, rng: np.random.Generator) -> Priors:
        """The same beliefs as they might have been: every mean drawn from its distribution, with its weight."""
        films, worth = self.strength
        mean = float(self.theta @ MAJORITY[1] / self.theta.sum())
        odds = np.array([[1 / (1 - mean)], [1 / mean]]) * rng.dirichlet(films * np.array([1 - mean, mean]) + _FLOOR)[:, None]
        theta = self.theta * (odds * MAJORITY).sum(axis=0)
        rows = [rng.dirichlet(worth * row / row.sum() + _FLOOR) * row.sum() for row in self.report]
        readers, slips = (rng.gamma(np.maximum(counts, _FLOOR)) + _FLOOR for counts in (self.readers, self.slips))
        return replace(self, theta=theta, report=np.array(rows) + _FLOOR, readers=readers, slips=slips)


def _theta(prevalence: float, spread: float) -> Floats:
    """A normal distribution on the grid, under which the finding is present in this share of films."""
    from scipy.optimize import brentq

    def weights(mean: float) -> Floats:
        density = np.exp(-0.5 * ((GRID - mean) / spread) ** 2)
        return np.asarray(density / density.sum())

    reach = 4 * spread
    low, high = (float(weights(mean) @ MAJORITY[1]) for mean in (-reach, reach))
    mean = brentq(lambda at: float(weights(at) @ MAJORITY[1]) - np.clip(prevalence, low, high), -reach, reach, xtol=1e-9)
    return weights(float(mean))


def read_as(slips: Floats, faithful: Floats, usual: Floats) -> Floats:
    """P(state | report's state), shape (texts, words, words): what is faithful, or by a slip any, as often as the annotator gives them.

    Args:
        slips: shape (texts,).
        faithful: see Priors, shape (texts, words, words).
        usual: share of each state among what an annotator says, shape (texts, words).
    """
    return np.asarray((1 - slips)[:, None, None] * faithful + (slips[:, None] * usual)[:, None, :])


def _faithful(counts: Floats, anyones: Floats) -> Floats:
    """States as an annotator's words put them, shape (words, words), from how often it gives each state, and how often any annotator does.

    Labels of 0 and 1 know no hedge, and some name what is present and nothing else: denial and silence stand for each other, and a hedge
    that has no word of its own goes either way. Where grades are not told apart, a weak one is an UNCERTAIN like any other.
    """
    words = np.eye(N_WORDS)
    unsure = (WEAK,) if counts[WEAK] else (POSITIVE, NEGATIVE)
    for word, others in ((NEGATIVE, (UNMENTIONED,)), (UNMENTIONED, (NEGATIVE,)), (UNCERTAIN, unsure)):
        if anyones[word] and not counts[word] and counts[list(others)].any():
            words[word] = words[list(others)].mean(axis=0)
    if anyones[WEAK] and not counts[WEAK]:
        words[WEAK] = words[UNCERTAIN]
    return words


def _mean_slip(kind: Reader | Labeler, seen: Floats) -> Floats:
    """How often an annotator slips: what is believed of its kind and what was seen elsewhere, shape (...) from (..., 2)."""
    return np.asarray((kind.strength * kind.slip + seen[..., 0]) / (kind.strength + seen.sum(axis=-1)))


def _slips(kind: Labeler, seen: Floats) -> Floats:
    slip = float(_mean_slip(kind, seen))
    return kind.strength * np.array([slip, 1 - slip])


def _recorded(slip: Floats, counts: Floats) -> Floats:
    """What a reader records by what was perceived, shape (2, words): hedges alike, denial or silence in the reader's own way."""
    hedged = counts[UNCERTAIN] / max(float(counts.sum()), 1.0)
    silent = np.zeros(N_WORDS)
    silent[[NEGATIVE, UNMENTIONED]] = _normalise(counts[[NEGATIVE, UNMENTIONED]])
    called = np.eye(N_WORDS)[POSITIVE]
    hedge = np.eye(N_WORDS)[UNCERTAIN]
    table = np.stack([(1 - slip[0]) * silent + slip[0] * called, slip[1] * silent + (1 - slip[1]) * called])
    return _normalise((1 - hedged) * table + hedged * hedge)


def frequencies(column: Codes) -> Floats:
    """How often an annotator gave each state, as counts, shape (words,)."""
    return np.bincount(column[column >= 0], minlength=N_WORDS).astype(np.float64)


def _tables(worth: Worth, counts: Floats, prevalence: Prevalence) -> tuple[Floats, float]:
    """Emission table, shape (2, words), and prevalence, from what states are worth and how often they occur."""
    n = counts.sum()
    caught = np.zeros(N_WORDS)
    told = [POSITIVE, UNCERTAIN, WEAK]
    caught[told] = counts[told] * (worth.positive, worth.uncertain, worth.weak * worth.uncertain)
    passed = counts.copy()
    passed[told] = 0.0
    passed[NEGATIVE] *= worth.denied
    # Where a finding is in most films, missed ones would outnumber the silent films: silence is worth at most half of POSITIVE.
    missed = min((1 - worth.found) / worth.found * caught.sum(), _SILENCE * worth.positive * passed.sum())
    # A few films at the usual prevalence keep a state that never occurs from making a finding impossible.
    present = caught.sum() + missed + prevalence.strength * prevalence.mean
    given_present = caught + missed * _normalise(passed)
    given_absent = np.maximum(counts - given_present, 0.0)
    return np.stack([_normalise(given_absent), _normalise(given_present)]), float(present / (n + prevalence.strength))


def _normalise(counts: Floats) -> Floats:
    """Distributions along the last axis, without zeros."""
    floored = counts + _FLOOR * np.maximum(counts.sum(axis=-1, keepdims=True), 1e-300)
    return np.asarray(floored / floored.sum(axis=-1, keepdims=True))


@cache
def load(path: Path = FILE) -> PriorFile:
    """Read the priors.

    Raises:
        SettingsError: a value is out of range, or no entry covers an annotator of an unknown kind.
    """
    try:
        read = PriorFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        for kind in read.annotator:
            for finding in kind.findings:
                kind.worth(finding)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{path.name}, {where}: {first['msg']}", f"mend {path.name}") from error
    if not all(any(kind.prefix == "" for kind in kinds) for kinds in (read.annotator, read.labeler)):
        raise SettingsError("the priors cover no annotator of an unknown kind", f'add an entry with prefix = "" to {path.name}')
    return read
