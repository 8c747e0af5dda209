"""How the networks that trained on a film came to believe its label: the table `training_dynamics` beside the cells on trial."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.rank.cells import KEY

COLUMNS = ["aum", "forgotten_share", "early_loss"]


def with_dynamics(cells: pd.DataFrame, dynamics: pd.DataFrame) -> pd.DataFrame:
    """Add `aum`, `forgotten_share` (events for each epoch it trained in) and `early_loss`, means over models; null where it never trained.

    Args:
        cells: image_id, finding.
        dynamics: image_id, finding, model, aum, n_forgotten, early_loss, n_epochs.
    """
    if dynamics.empty:
        return cells.assign(**dict.fromkeys(COLUMNS, np.nan))
    shares = dynamics.assign(forgotten_share=dynamics["n_forgotten"] / dynamics["n_epochs"])
    means = shares.groupby(KEY, observed=True)[COLUMNS].mean().reset_index()
    return cells.merge(means, on=KEY, how="left", validate="one_to_one").set_axis(cells.index)
