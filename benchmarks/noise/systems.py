"""The methods side by side: ours in this process, each peer in an environment of its own. No scores.

A peer is asked through files, see `benchmarks/peers/noise.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.noise.scores import READINGS, Opinion, of_probability, read_as
from benchmarks.noise.tasks import Task
from pipeline import audit, label, rank
from pipeline.audit import home as homes
from pipeline.audit.given import Given
from pipeline.base import settings
from pipeline.base.errors import PluginError
from pipeline.base.findings import ancestors
from pipeline.base.interfaces import DETECTORS, READER
from pipeline.base.storage import Home
from pipeline.label import matrix, priors, together

HERE = Path(__file__).resolve().parents[1]
ENVIRONMENTS = HERE / ".venv-noise"
PEERS = ("cleanlab", "crowd-kit", "snorkel")
FUSION = "cxr audit"
Floats = npt.NDArray[np.float64]


def ours(task: Task) -> dict[str, Opinion]:
    """The audit, the posterior over annotators alone, the posterior of the readers alone, and each detector as leader."""
    found = audit.run(given(task), settings.load())
    labels = task.labels[task.findings].to_numpy()
    opinions = {FUSION: of_probability(_wide(found.cells, "item_id", "p_positive", task), labels)}
    if any(set(ancestors(finding)) & set(task.labels.columns) for finding in task.labels.columns):
        apart = audit.run(given(task), settings.load(overrides=("label.implications=false",)))
        opinions[f"{FUSION}, findings apart"] = of_probability(_wide(apart.cells, "item_id", "p_positive", task), labels)
    if len(task.readers) > 1:
        opinions["posterior, readers alone"] = of_probability(_readers_alone(task), labels)
    with tempfile.TemporaryDirectory() as folder:
        posteriors, judged = {}, {}
        for reading in READINGS:
            chosen = settings.load(overrides=(f"label.policy={reading}", "label.policies={}", "rank.max_issue_share=1"))
            bare = chosen.label.model_copy(update={"labelers": (), "findings": tuple(map(str, task.labels.columns))})
            home = Home(Path(folder) / reading).create()
            homes.fill(home, given(task))
            label.run(home, chosen.model_copy(update={"label": bare}))
            posteriors[reading] = _wide(home.read("labels").to_pandas(), "image_id", "p_positive", task)
            for name in DETECTORS.names():
                one = chosen.model_copy(update={"label": bare, "rank": chosen.rank.model_copy(update={"detectors": (name,)})})
                rank.run(home, one)
                judged[name, reading] = home.read("label_issues").to_pandas()
        opinions["posterior, no models"] = of_probability(posteriors["u_ones"], labels)
        for name in DETECTORS.names():
            if all(len(judged[name, reading]) for reading in READINGS):
                opinions[f"detector {name}"] = _detected({reading: judged[name, reading] for reading in READINGS}, task)
    return opinions


def given(task: Task) -> Given:
    """The task as the audit is given one."""
    readers = {f"{READER}{name}": table for name, table in task.readers.items()}
    return Given(task.labels, task.models, readers, (), ())


def _detected(judged: Mapping[str, pd.DataFrame], task: Task) -> Opinion:
    """What a detector cannot judge is the least suspicious."""
    suspicion = {
        reading: np.nan_to_num(1 - _wide(cells, "image_id", "label_quality_score", task), nan=-1.0) for reading, cells in judged.items()
    }
    flags = {reading: _wide(cells, "image_id", "is_label_issue", task) == 1 for reading, cells in judged.items()}
    return Opinion(None, suspicion, flags)


def _readers_alone(task: Task) -> Floats:
    """Our posterior where radiologists are all there is; it is about the findings that are scored."""
    long = pd.concat(
        table.rename_axis("image_id").reset_index().melt("image_id", var_name="finding").assign(annotator=f"{READER}{name}")
        for name, table in task.readers.items()
    )
    long["state"] = long["value"].map({1.0: "POSITIVE", 0.0: "NEGATIVE", -1.0: "UNCERTAIN"}).fillna("UNMENTIONED")
    long["grade"] = None
    annotators = sorted(long["annotator"].unique())
    matrices = matrix.build(long, list(task.labels.index), task.findings, annotators)
    return np.stack([one.p_positive for one in together.fits(matrices, priors.load(), np.random.default_rng(0), implications=True)], axis=1)


def _wide(cells: pd.DataFrame, item: str, value: str, task: Task) -> Floats:
    wide = cells.pivot(index=item, columns="finding", values=value)
    return np.asarray(wide.reindex(index=task.labels.index, columns=task.findings).to_numpy(np.float64))


def peers(name: str, task: Task) -> tuple[str, dict[str, Opinion]]:
    """Version and opinions of one peer; methods that cannot judge every finding are left out.

    Raises:
        PluginError: the peer failed; its own message stands above.
    """
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder) / "request.json", Path(folder) / "answer.json"
        request.write_text(json.dumps([_problem(task, finding) for finding in task.findings]), encoding="utf-8")
        command = [str(python_of(name)), str(HERE / "peers" / "noise.py"), name, str(request), str(answer)]
        if subprocess.run(command, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode:
            raise PluginError(f"{name} failed on {task.name}", "its own message stands above; --make-environment builds it anew")
        said = json.loads(answer.read_text(encoding="utf-8"))
    methods = [method for method in said["problems"][0] if all(method in problem for problem in said["problems"])]
    labels = task.labels[task.findings].to_numpy()
    return said["version"], {method: _opinion([problem[method] for problem in said["problems"]], labels) for method in methods}


def _opinion(said: list[dict[str, Any]], labels: Floats) -> Opinion:
    p = np.array([one["p"] for one in said], float).T if all("p" in one for one in said) else None
    if "suspicion" not in said[0]:
        assert p is not None
        return of_probability(p, labels)
    suspicion = {reading: np.array([one["suspicion"][reading] for one in said], float).T for reading in READINGS}
    flags = {reading: np.array([one["flags"][reading] for one in said], bool).T for reading in READINGS if "flags" in said[0]}
    return Opinion(p, suspicion, flags)


def _problem(task: Task, finding: str) -> dict[str, Any]:
    """One finding as peers see it: two classes. Models vote 1 on as many items as the labels name."""
    labels = task.labels[finding].to_numpy()
    read = {reading: read_as(labels, reading) for reading in READINGS}
    models = [table[finding].reindex(task.labels.index).to_numpy() for table in task.models.values() if finding in table]
    readers = [table[finding].reindex(task.labels.index).to_numpy() for table in task.readers.values()]
    share = float(np.clip(read["u_ones"].mean(), 0.01, 0.99))
    polled = [(scores > np.quantile(scores, 1 - share)).astype(float) for scores in models]
    votes = {"readers": readers} if len(readers) > 1 else {}
    votes |= {"labels and all others": [read["u_ones"], *readers, *polled]} if len(readers) + len(polled) > 1 else {}
    if task.name == "vindr_third_reader":  # the labels are one of the readers already
        votes = {"readers": readers}
    return {
        "given": {reading: values.astype(int).tolist() for reading, values in read.items()},
        "pred_probs": [scores.tolist() for scores in models],
        "votes": {kind: [[None if np.isnan(vote) else int(vote) for vote in row] for row in rows] for kind, rows in votes.items()},
    }


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment."""
    return ENVIRONMENTS / peer / "bin" / "python"


def make_environment(peer: str) -> None:
    """Create a peer's environment, or bring it to the versions that are written down.

    Raises:
        PluginError: a package cannot be had.
    """
    pip = [str(python_of(peer)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", str(ENVIRONMENTS / peer)], [*pip, "-r", str(HERE / "environments" / f"{peer}.txt")]):
        if subprocess.run(command, check=False).returncode:
            raise PluginError(
                f"the environment of {peer} could not be made", f"see the message above and benchmarks/environments/{peer}.txt"
            )
