"""What the models are scored against: a verdict, else what readers said, else the posterior. One answer for all trainings.

A posterior counts a film as present by its probability and as absent by the rest, so that a film nobody is sure of speaks as little as it
should, and none has to be thrown away. A score against it is nearer to chance than one against the truth, by as much for each training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.base.interfaces import is_film_reader
from pipeline.base.storage import Home
from pipeline.validate.films import Array, Cast, pivot

NOBODY, VERDICTS, READERS, POSTERIOR = 0, 1, 2, 3
NAMES = {VERDICTS: "verdicts", READERS: "readers", POSTERIOR: "posterior"}
MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Truth:
    """Truth of the test films.

    Attributes:
        values: (test films, findings) 0 or 1, a posterior between, NaN where nobody knows.
        source: (test films, findings) NOBODY, VERDICTS, READERS or POSTERIOR.
    """

    values: Array
    source: npt.NDArray[np.int8]

    def name(self, columns: list[int], rows: npt.NDArray[np.bool_]) -> str:
        """One word for the sources of some cells; `posterior` where no cell is scored."""
        used = [name for code, name in NAMES.items() if (self.source[rows][:, columns] == code).any()]
        return used[0] if len(used) == 1 else MIXED if used else NAMES[POSTERIOR]

    def counts(self) -> dict[str, int]:
        """Cells by source."""
        found = {f"truth_{name}": int((self.source == code).sum()) for code, name in NAMES.items()}
        return {**found, "truth_unknown": int((self.source == NOBODY).sum())}

    def warnings(self) -> tuple[str, ...]:
        """What the truth is not."""
        n_posterior, n_scored = int((self.source == POSTERIOR).sum()), int((self.source != NOBODY).sum())
        if not n_posterior:
            return ()
        return (
            f"{n_posterior} of {n_scored} scored cells have no verdict and no reader: their truth is the posterior of the labels "
            "themselves; scores on them show agreement with labels",
        )


def read(home: Home, cast: Cast) -> Truth:
    """Truth of the test films, from `labels` and, where it was made, `annotations`."""
    findings = list(cast.findings)
    wanted = ", ".join(f"'{name}'" for name in findings)
    labels = home.sql(
        f"SELECT image_id, finding, p_positive, verdict IS NOT NULL AS is_judged, "
        f"CASE verdict WHEN 'POSITIVE' THEN 1.0 WHEN 'NEGATIVE' THEN 0.0 END AS verdict FROM curated WHERE finding IN ({wanted})"
    )
    posterior, verdict, is_judged = (pivot(cast.image_ids, findings, labels, column) for column in ("p_positive", "verdict", "is_judged"))
    readers = pivot(cast.image_ids, findings, _readers(home, wanted), "share")
    return decide(verdict[cast.test], is_judged[cast.test] == 1, readers[cast.test], posterior[cast.test])


def _readers(home: Home, wanted: str) -> pa.Table:
    if not home.exists("annotations"):
        return pa.table({"image_id": pa.array([], "string"), "finding": pa.array([], "string"), "share": pa.array([], "float64")})
    said = home.sql("SELECT DISTINCT annotator FROM annotations ORDER BY 1")["annotator"].to_pylist()
    readers = ", ".join("'" + name.replace("'", "''") + "'" for name in said if is_film_reader(name)) or "NULL"
    return home.sql(
        f"SELECT image_id, finding, avg(CASE state WHEN 'POSITIVE' THEN 1.0 WHEN 'NEGATIVE' THEN 0.0 END) AS share FROM annotations "
        f"SEMI JOIN curated USING (image_id) WHERE annotator IN ({readers}) AND finding IN ({wanted}) GROUP BY 1, 2 ORDER BY 1, 2"
    )


def decide(verdict: Array, is_judged: npt.NDArray[np.bool_], readers: Array, posterior: Array) -> Truth:
    """Truth cell by cell, all of one shape.

    Args:
        verdict: 0, 1, or NaN.
        is_judged: a verdict exists; one that is UNCERTAIN leaves its cell unscored whatever others say.
        readers: share of readers who say positive; NaN without one, and a tie is unknown.
        posterior: probability that the finding is present.
    """
    by_readers = np.where(readers > 0.5, 1.0, np.where(readers < 0.5, 0.0, np.nan))
    asked = [is_judged, np.isfinite(readers), np.isfinite(posterior)]
    values = np.select(asked, [verdict, by_readers, posterior], np.nan)
    source = np.where(np.isfinite(values), np.select(asked, [VERDICTS, READERS, POSTERIOR], NOBODY), NOBODY)
    return Truth(values, source.astype(np.int8))
