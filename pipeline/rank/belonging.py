"""Does the report belong to the film? Its findings against what the model sees, all findings of a film together.

The evidence is the logarithm of how much likelier the report is under this film than under any film of the archive, finding by finding
(as for record linkage, Fellegi and Sunter 1969, JASA 64:1183), summed over findings.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from pipeline.base.labels import LabelState
from pipeline.rank.cells import KEY

_SAID = (str(LabelState.POSITIVE), str(LabelState.UNCERTAIN))
# No report and no model is surer than this.
_SURE = 0.99


def with_report(cells: pd.DataFrame, annotations: pd.DataFrame, labelers: Collection[str]) -> pd.DataFrame:
    """Add `report_fit_here`, the evidence of one finding, and `report_fit`, the film's, its sum; null without report or model.

    Args:
        cells: image_id, finding, pred_prob (NaN where no model is heard).
        annotations: image_id, finding, annotator, state.
        labelers: annotators that read reports; the first counts.
    """
    read = annotations[annotations["annotator"] == next(iter(labelers), None)]
    said = read.assign(is_said=read["state"].isin(_SAID).astype(float))[[*KEY, "is_said"]]
    both = cells[[*KEY, "pred_prob"]].merge(said, on=KEY, how="left", validate="one_to_one").set_axis(cells.index)
    both = both[both["pred_prob"].notna() & both["is_said"].notna()]
    by_finding = both.groupby("finding", observed=True)
    share = by_finding["is_said"].transform("mean")
    usual = share.clip(1 - _SURE, _SURE)
    seen = both["pred_prob"].clip(1 - _SURE, _SURE)
    # The model may find more or fewer films with the finding than reports name; what counts is how films differ.
    odds = seen / (1 - seen) * usual / (1 - usual)
    typical = seen.groupby(both["finding"], observed=True).transform("mean")
    odds = odds / (typical / (1 - typical))
    expected = (odds / (1 + odds)).clip(1 - _SURE, _SURE)
    here = np.where(both["is_said"] == 1, np.log(expected / usual), np.log((1 - expected) / (1 - usual)))
    # A finding that every report names, or none, tells nothing.
    fit = pd.Series(np.where((share > 0) & (share < 1), here, 0.0), both.index)
    film = fit.groupby(both["image_id"]).transform("sum")
    return cells.assign(report_fit_here=fit.reindex(cells.index), report_fit=film.reindex(cells.index))
