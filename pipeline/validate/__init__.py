"""Does cleaning help? Train on given and on cleaned labels with the same seeds, score both against the same held-out truth.

`films` gathers films and targets, `truth` what is scored against, `arms` trains, `metrics` and `bootstrap` measure, `scores`, `gaps` and
`published` make the tables, `certificate` and `verdict` say it in words, `plots` draws. Networks live in `models`.
"""

from __future__ import annotations

from pipeline.base import tables
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home


def run(home: Home, settings: Settings) -> StageResult:
    """Write `scores`, `subgroup_gaps` and `published_model_scores`.

    A finding is trained when the train split holds `predict.min_positives` positive and negative films of it under both label sets.

    Raises:
        InputError: a checkpoint does not fit, or a published model was not asked about every test film.
        SettingsError: a device that is not there.
    """
    from models import devices
    from models.films import load_films
    from pipeline.validate import arms, certificate, films, gaps, plots, published, scores, truth, verdict

    cast = films.read(home, settings)
    home.write("published_model_scores", published.table(published.measured(home, cast, settings)))
    settings = devices.settle(settings)
    device = devices.describe(devices.choose(settings.predict.device))
    counts: dict[str, int | float | str] = {"device": device, "model": settings.predict.model, **cast.counts()}
    if problem := cast.problem(settings.predict.min_positives):
        for name in ("scores", "subgroup_gaps"):
            home.write(name, tables.empty(name))
        return StageResult({**counts, "verdict": certificate.NOT_ESTIMABLE}, (problem,))
    pixels = load_films(home, cast.image_ids, settings.predict.size_px)
    answers = arms.train(home.work / "validate", pixels, home.table_digest("images"), cast, settings)
    known = truth.read(home, cast)
    made = scores.score(cast, answers, known, settings)
    home.write("scores", scores.table(made))
    home.write("subgroup_gaps", gaps.table(gaps.measured(cast, answers, known, settings)))
    pictures = {
        "validate_gain": plots.gain(made),
        "validate_auroc": plots.auroc(made),
        "validate_reliability": plots.reliability(cast, answers, known),
    }
    counts |= {"trainings_resumed": answers.n_resumed, **known.counts(), **verdict.counts(made)}
    return StageResult(counts, (*cast.warnings(), *known.warnings(), *verdict.warnings(made)), pictures)
