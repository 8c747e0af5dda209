"""Truth behind several annotators: a panel's majority, how plain each film is, what its report says, and how each annotator puts it.

A finding is present where most of a panel of five radiologists would call it, the usual reference standard (CheXpert, Irvin et al. 2019,
section 5). Films differ in how plain the finding is: a radiologist calls it with probability Phi(theta), and theta has one distribution
over films (latent trait model of rating agreement, Uebersax and Grove 1993, Biometrics 49:823). So readers who err on the same hard film
are not taken for independent witnesses, as two bare classes (Dawid and Skene 1979, Applied Statistics 28:20) would take them.

- A reader perceives the finding or not, with Phi(theta), and emits one of four states from a table over what was perceived.
- A report was written by one more radiologist, who perceives with Phi(theta) too and writes one of four states, a weak UNCERTAIN apart from
  a strong one. Labelers, and labels published from reports, read that, each with errors of its own, and not all of them tell the grades
  apart. So any number of them together never tells more than the report.
- Silence is a state like the others: who was asked and said nothing tells something, who was never asked tells nothing.
- Who was asked may tell something too, as films are chosen for readers: each set of annotators that was asked has its own distribution
  of theta, pulled towards the common one.

Fitted by MAP-EM in closed form on a grid of theta, under the Dirichlet priors of `priors.py`, without which one or two annotators would
identify nothing. Films are counted by their pattern of states, so the cost does not grow with the archive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from pipeline.label.matrix import MISSING, N_WORDS, NEGATIVE, POSITIVE, UNMENTIONED, Codes
from pipeline.label.priors import CALLED, GRID, MAJORITY, Priors, Slips, read_as

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_MAX_ITERATIONS = 300
# No leap is longer than so many steps.
_FARTHEST = 16.0
_TOLERANCE = 1e-6
# Pseudo-films that pull the distribution of one set of annotators towards the common one.
_SET = 5.0
# Refits for the intervals, how exactly each is done, and the quantile of Student's t with 15 degrees of freedom that leaves 5 % outside.
_DRAWS = 16
_ROUGH = 1e-4
_WIDE = 2.13


@dataclass(frozen=True, slots=True)
class Posterior:
    """A fit of one finding.

    Attributes:
        p_positive: probability that the finding is present, shape (n,).
        interval: 95 % interval of that probability, low and high, shape (2, n): how far it might be off because the annotators, the
            prevalence and the priors are known from few films.
        theta_sd: standard deviation of theta for each film, shape (n,).
        prevalence: share of films with the finding.
        meaning: what annotators' words mean.
        meaning_interval: low and high ends of their 95 % intervals.
    """

    p_positive: Floats
    interval: Floats
    theta_sd: Floats
    prevalence: float
    meaning: Meaning
    meaning_interval: tuple[Meaning, Meaning]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What each annotator's words mean; words as in `matrix`: states, and WEAK.

    Attributes:
        emission: P(word | truth), shape (annotators, 2, words): truth absent, present.
        p_present: P(present | word) of one annotator alone, shape (annotators, words).
    """

    emission: Floats
    p_present: Floats


@dataclass(frozen=True, slots=True)
class _Patterns:
    """Distinct rows of states.

    Attributes:
        readers: one-hot, shape (patterns, readers * words); who was not asked is all zeros and so says nothing.
        texts: the same of annotators that read the report.
        weights: films of each pattern; 0 where nobody was asked.
        asked: the set of annotators that was asked, as a number, shape (patterns,).
        sets: the same one-hot, shape (sets, patterns).
        which: pattern of each film, shape (n,).
    """

    readers: Floats
    texts: Floats
    weights: Floats
    asked: Ints
    sets: Floats
    which: Ints


@dataclass(frozen=True, slots=True)
class _Tables:
    """What EM estimates.

    Attributes:
        readers: P(state | perceived), shape (readers, 2, words).
        report: P(report's word | perceived), shape (2, words).
        slips: how often each annotator that read the report makes a state of its own of it, shape (texts,).
        common: distribution of theta over all films, shape (grid,).
        sets: and within each set of annotators that was asked, shape (sets, grid).
    """

    readers: Floats
    report: Floats
    slips: Floats
    common: Floats
    sets: Floats


@dataclass(frozen=True, slots=True)
class _Expected:
    """Posterior of each pattern: theta, shape (patterns, grid); what the author of the report perceived and wrote, (patterns, 2, words)."""

    theta: Floats
    written: Floats


def fit(codes: Codes, priors: Priors, rng: np.random.Generator) -> Posterior:
    """Fit one finding.

    Args:
        codes: shape (n, annotators): words as `LabelMatrix.words`. Rows without any annotator get the prevalence.
        priors: of the finding, for the same annotators.
        rng: draws films and priors anew for the intervals (weighted likelihood bootstrap, Newton and Raftery 1994, JRSS B 56:3).
    """
    patterns = _patterns(codes, priors.is_reader)
    tables, found = _fitted(patterns, _start(priors, len(patterns.sets)), priors, _TOLERANCE)
    p_positive, meaning = found.theta @ MAJORITY[1], _meaning(tables, priors)
    drawn = [_drawn(patterns, tables, priors, rng) for _ in range(_DRAWS)]
    interval = _interval(p_positive, [p for p, _ in drawn])
    emission = _interval(meaning.emission, [one.emission for _, one in drawn])
    p_present = _interval(meaning.p_present, [one.p_present for _, one in drawn])
    ends = (Meaning(emission[0], p_present[0]), Meaning(emission[1], p_present[1]))
    theta_sd = np.sqrt(np.maximum(found.theta @ GRID**2 - (found.theta @ GRID) ** 2, 0.0))
    prevalence, which = float(tables.common @ MAJORITY[1]), patterns.which
    return Posterior(p_positive[which], interval[:, which], theta_sd[which], prevalence, meaning, ends)


def slips(codes: Codes, priors: Priors) -> Slips:
    """How often each annotator slips on one finding: expected counts under a rough fit.

    Args:
        codes: see `fit`.
        priors: see `fit`.
    """
    patterns = _patterns(codes, priors.is_reader)
    tables, found = _fitted(patterns, _start(priors, len(patterns.sets)), priors, _ROUGH)
    said = _perceived(patterns.readers, patterns.weights[:, None] * found.theta, tables.readers)
    called, not_called = said[:, :, POSITIVE], said[:, :, NEGATIVE] + said[:, :, UNMENTIONED]
    readers = np.stack([np.stack([called[:, 0], not_called[:, 0]], axis=1), np.stack([not_called[:, 1], called[:, 1]], axis=1)], axis=1)
    return Slips(readers, _slipped(_read_films(patterns, _written(patterns, found)), tables, priors))


def _fitted(patterns: _Patterns, tables: _Tables, priors: Priors, tolerance: float) -> tuple[_Tables, _Expected]:
    """EM, three steps at a time: two of EM's own, and one from where they lead (SQUAREM, Varadhan and Roland 2008, Scand J Stat 35:335)."""
    found = _expect(patterns, tables, priors)
    for _ in range(_MAX_ITERATIONS):
        once = _maximise(patterns, tables, found, priors)
        twice = _maximise(patterns, once, _expect(patterns, once, priors), priors)
        leapt = _leap(tables, once, twice)
        after = _expect(patterns, leapt, priors)
        tables = _maximise(patterns, leapt, after, priors)
        before, found = after, _expect(patterns, tables, priors)
        if np.abs(found.theta - before.theta).max(initial=0.0) < tolerance:
            break
    return tables, found


def _leap(start: _Tables, once: _Tables, twice: _Tables) -> _Tables:
    """Where two steps lead, in log-probabilities; every distribution sums to 1 again."""
    x0, x1, x2 = ([np.log(part) for part in _parts(tables)] for tables in (start, once, twice))
    step = [one - zero for zero, one in zip(x0, x1, strict=True)]
    bend = [two - one - first for one, two, first in zip(x1, x2, step, strict=True)]
    length, curve = (float(np.sqrt(sum((part**2).sum() for part in parts))) for parts in (step, bend))
    reach = min(max(length / curve, 1.0), _FARTHEST) if curve > 0 else 1.0
    readers, report, slips, common, sets = (
        _normalise(np.exp(zero + 2 * reach * first + reach**2 * second)) for zero, first, second in zip(x0, step, bend, strict=True)
    )
    return _Tables(readers, report, slips[:, 0], common, sets)


def _parts(tables: _Tables) -> tuple[Floats, ...]:
    slips = np.stack([tables.slips, 1 - tables.slips], axis=1)
    return (tables.readers, tables.report, slips, tables.common, tables.sets)


def _drawn(patterns: _Patterns, tables: _Tables, priors: Priors, rng: np.random.Generator) -> tuple[Floats, Meaning]:
    """What the patterns, shape (patterns,), and words would mean had other films and other priors come along."""
    weights, believed = rng.gamma(patterns.weights), priors.drawn(rng)
    made, found = _fitted(replace(patterns, weights=weights), tables, believed, _ROUGH)
    return np.asarray(found.theta @ MAJORITY[1]), _meaning(made, believed)


def _interval(p: Floats, draws: list[Floats]) -> Floats:
    """Student on the scale of log-odds, shape (2, ...) for probabilities of shape (...)."""
    centre, spread = logit(p), np.std([logit(draw) for draw in draws], axis=0, ddof=1)
    return np.asarray(expit(np.stack([centre - _WIDE * spread, centre + _WIDE * spread])))


def _patterns(codes: Codes, is_reader: npt.NDArray[np.bool_]) -> _Patterns:
    first, which, counts = _distinct(codes)
    rows = codes[first]
    _, asked, _ = _distinct(np.asarray(rows != MISSING, np.int8))
    given = np.asarray(rows[:, :, None] == np.arange(N_WORDS)[None, None, :], np.float64)
    readers, texts = (given[:, chosen].reshape(len(rows), -1) for chosen in (is_reader, ~is_reader))
    weights = np.where((rows != MISSING).any(axis=1), counts, 0).astype(np.float64)
    sets = np.asarray(asked == np.arange(asked.max(initial=0) + 1)[:, None], np.float64)
    return _Patterns(readers, texts, weights, asked, sets, which)


def _distinct(codes: Codes) -> tuple[Ints, Ints, Ints]:
    """First row of each distinct one, the distinct row of each row, and how often it occurs."""
    number = np.zeros(len(codes), np.int64)
    for column in codes.T:
        # Renumbered after each annotator, so that any number of annotators fits 64 bits.
        _, number = np.unique(number * (N_WORDS + 1) + column + 1, return_inverse=True)
    _, first, which, counts = np.unique(number, return_index=True, return_inverse=True, return_counts=True)
    return first, which, counts


def _normalise(counts: Floats) -> Floats:
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def _start(priors: Priors, sets: int) -> _Tables:
    common = _normalise(priors.theta)
    slips = priors.slips[:, 0] / priors.slips.sum(axis=1)
    return _Tables(_normalise(priors.readers), _normalise(priors.report), slips, common, np.tile(common, (sets, 1)))


def _expect(patterns: _Patterns, tables: _Tables, priors: Priors) -> _Expected:
    """E-step."""
    seen = patterns.readers @ np.log(_at_theta(tables.readers)).reshape(-1, CALLED.shape[1])
    # P(texts, report's word | perceived), shape (patterns, 2, words)
    read = np.log(_read(tables, priors)).transpose(0, 2, 1).reshape(-1, N_WORDS)
    written = tables.report * np.exp(patterns.texts @ read)[:, None, :]
    perceived = written.sum(axis=2)
    theta = _normalise(tables.sets[patterns.asked] * np.exp(seen - seen.max(axis=1, keepdims=True)) * (perceived @ CALLED))
    by_author = perceived * ((theta / (perceived @ CALLED)) @ CALLED.T)
    return _Expected(theta, written / perceived[:, :, None] * by_author[:, :, None])


def _read(tables: _Tables, priors: Priors) -> Floats:
    return read_as(tables.slips, priors.faithful, priors.usual)


def _at_theta(tables: Floats) -> Floats:
    """P(state | theta), shape (..., words, grid), from tables over what was perceived, shape (..., 2, words)."""
    return np.asarray(np.swapaxes(tables, -1, -2) @ CALLED)


def _maximise(patterns: _Patterns, tables: _Tables, found: _Expected, priors: Priors) -> _Tables:
    """M-step: every distribution is its pseudo-counts and expected counts, normalised."""
    films, written = patterns.weights[:, None] * found.theta, _written(patterns, found)
    common = _normalise(priors.theta + films.sum(axis=0))
    return _Tables(
        _normalise(priors.readers + _perceived(patterns.readers, films, tables.readers)),
        _normalise(priors.report + written.sum(axis=0)),
        _normalise(priors.slips + _slipped(_read_films(patterns, written), tables, priors))[:, 0],
        common,
        _normalise(patterns.sets @ films + _SET * common),
    )


def _written(patterns: _Patterns, found: _Expected) -> Floats:
    """Expected films by what the report's author perceived and wrote, shape (patterns, 2, words)."""
    return np.asarray((patterns.weights * patterns.texts.any(axis=1))[:, None, None] * found.written)


def _read_films(patterns: _Patterns, written: Floats) -> Floats:
    """Expected films by what each annotator made of the report and the report's word, from `_written`, shape (texts, words, words)."""
    return np.asarray((patterns.texts.T @ written.sum(axis=1)).reshape(-1, N_WORDS, N_WORDS))


def _slipped(films: Floats, tables: _Tables, priors: Priors) -> Floats:
    """Expected slips and faithful readings of each annotator, from `_read_films`, shape (texts, 2)."""
    by_slip = tables.slips[:, None, None] * priors.usual[:, :, None] / _read(tables, priors).transpose(0, 2, 1)
    slipped = (films * by_slip).sum(axis=(1, 2))
    return np.stack([slipped, films.sum(axis=(1, 2)) - slipped], axis=1)


def _perceived(given: Floats, films: Floats, tables: Floats) -> Floats:
    """Expected films by what each reader perceived and said, shape (readers, 2, words)."""
    at_theta = (given.T @ films).reshape(-1, N_WORDS, CALLED.shape[1]) / _at_theta(tables)
    return np.asarray(tables * (at_theta @ CALLED.T).transpose(0, 2, 1))


def _meaning(tables: _Tables, priors: Priors) -> Meaning:
    """What every annotator's words mean."""
    called = _normalise(MAJORITY * tables.common) @ CALLED.T  # P(perceived | truth)
    made = np.empty((len(priors.is_reader), 2, N_WORDS))
    made[priors.is_reader] = called @ tables.readers
    made[~priors.is_reader] = called @ tables.report @ _read(tables, priors)
    joint = made * (MAJORITY @ tables.common)[None, :, None]
    return Meaning(made, joint[:, 1] / joint.sum(axis=1))
