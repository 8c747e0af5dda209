"""Out-of-fold opinions: no film is judged by a model that saw its patient, nor calibrated on one.

`cells` gathers what is known of the films, `crossfit` trains the folds, `output` makes tables and the plot, `saliency` shows where
the networks look; `published` asks models that others trained. Networks live in `models`.
"""

from __future__ import annotations

from pipeline.base import tables
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home


def run(home: Home, settings: Settings) -> StageResult:
    """Write `pred_probs`, `embeddings`, `training_dynamics`, `saliency_maps` and `published_scores`.

    Findings with fewer than `predict.min_positives` positive, or negative, films have no rows; the counts name how many.

    Raises:
        InputError: too few patients for the folds, or a checkpoint that does not fit.
        PluginError: a published model is unknown or lacks a package.
        SettingsError: a device that is not there, or an option of a published model.
    """
    from models import devices
    from models.films import load_films
    from pipeline.predict import cells, crossfit, output, published, saliency

    asked, told = published.run(home, settings)
    known = cells.read(home, settings)
    settings = devices.settle(settings)
    device = devices.describe(devices.choose(settings.predict.device))
    counts: dict[str, int | float | str] = {"device": device, "model": settings.predict.model, **known.counts(), **asked}
    if not known.findings:
        for name in ("pred_probs", "embeddings", "training_dynamics", "saliency_maps"):
            home.write(name, tables.empty(name))
        return StageResult(counts, (known.nothing_modelled(settings.predict.min_positives), *told))
    films = load_films(home, known.image_ids, settings.predict.size_px)
    opinions = crossfit.out_of_fold(home.work / "predict", films, home.table_digest("images"), known, settings)
    home.write("pred_probs", output.pred_probs(known, opinions, settings.predict.model))
    home.write("embeddings", output.embeddings(known, opinions, settings.predict.model))
    home.write("training_dynamics", output.training_dynamics(known, opinions, settings.predict.model))
    aurocs = output.aurocs(known, opinions)
    counts |= {"folds": settings.predict.folds, "folds_resumed": opinions.n_resumed, **output.summary(aurocs)}
    looks = saliency.look(films, known, opinions, settings)
    home.write("saliency_maps", looks.maps)
    return StageResult(counts, (*known.warnings(), *told, *looks.warnings), {"predict_auroc": output.plot(aurocs), **looks.plots})
