"""What the noise benchmark is about: labels, models, readers and truth of each task. Reads files, judges nothing.

Columns are findings in our spelling. Truth is never given to a method. Real tables are read from ../shared/data/labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.noise import features, made
from pipeline.audit import files, scores
from pipeline.base.findings import find

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "labels"
FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
# The five whose majority is the truth are not asked (Rajpurkar et al. 2021, CheXpert test set: five for truth, three for comparison).
BENCHMARK_READERS = ("bc4", "bc6", "bc8")
VINDR_ITEMS = 3000
NIH_COLUMNS = ("Infiltration", "Pneumonia", "Consolidation", "Atelectasis", "Edema", "Nodule", "Mass", "Pneumothorax", "No Finding")
SEED = 20220115


@dataclass(frozen=True)
class Task:
    """One table of labels to judge.

    Attributes:
        name: for the results.
        labels: 1, 0, -1 or NaN, shape (items, findings).
        truth: 1, 0 or NaN; its columns are the findings that are scored, its index that of `labels`.
        units: whom an item belongs to, for resampling.
        models, readers: name -> table like `labels`.
    """

    name: str
    labels: pd.DataFrame
    truth: pd.DataFrame
    units: npt.NDArray[np.str_]
    models: dict[str, pd.DataFrame] = field(default_factory=dict)
    readers: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def findings(self) -> list[str]:
        """Findings that are scored."""
        return list(self.truth.columns)


def tasks() -> Iterator[Task]:
    """Every task whose data are here."""
    if (FOLDER / "chexpert_test_dev").is_dir():
        yield from chexpert()
    for name, read in (("vindr_readers_dev", vindr), ("nih_vs_rsna_dev", nih_rsna), ("nih_vs_google_dev", nih_google)):
        if (FOLDER / f"{name}.csv.gz").exists():
            yield read()
    yield injected("made_no_instance", 0.0)
    yield injected("made_instance", 1.0)


def chexpert() -> Iterator[Task]:
    """Labeler and ten models against five radiologists; three other readers and the labeler; all of them together."""
    folder = FOLDER / "chexpert_test_dev"
    labels, truth = (files.labels(folder / f"{name}.csv").cells for name in ("labels", "truth"))
    truth = truth.loc[labels.index]
    models = {path.stem: scores.probabilities(files.predictions(path).cells)[0] for path in sorted((folder / "predictions").glob("*.csv"))}
    readers = {name: files.labels(folder / "readers" / f"{name}.csv").cells.loc[labels.index] for name in BENCHMARK_READERS}
    units = np.array([str(item).split("/")[2] for item in labels.index])
    yield Task("chexpert_models", labels, truth[list(FIVE)], units, models=models)
    yield Task("chexpert_all", labels, truth, units, models=models)
    yield Task("chexpert_readers", labels, truth, units, readers=readers)
    yield Task("chexpert_readers_five", labels, truth[list(FIVE)], units, readers=readers)
    yield Task("chexpert_models_readers", labels, truth[list(FIVE)], units, models=models, readers=readers)


def vindr() -> Task:
    """Two of a film's three radiologists in a random order; the truth is what the third one says. The labels are the first one's."""
    table = pd.read_csv(FOLDER / "vindr_readers_dev.csv.gz")
    columns = {name: known for name in table.columns if (known := find(str(name))) is not None}
    rng = np.random.default_rng(SEED)
    kept = rng.choice(np.sort(table["image_id"].unique()), VINDR_ITEMS, replace=False)
    table = table[table["image_id"].isin(kept)].rename(columns=columns)
    table = table.assign(chance=rng.random(len(table))).sort_values(["image_id", "chance"])
    place = table.groupby("image_id").cumcount().to_numpy()
    first, second, third = (table[place == number].set_index("image_id") for number in range(3))
    names = list(columns.values())
    both = pd.concat([first, second])
    readers = {str(name): part[names].astype(float) for name, part in both.groupby("rad_id")}
    truth = third[names].astype(float)
    return Task("vindr_third_reader", first[names].astype(float), truth, np.array(first.index, str), readers=readers)


def nih_rsna() -> Task:
    """NIH's text-mined labels against RSNA's radiologists: opacity suspicious of pneumonia, and nothing at all."""
    table = pd.read_csv(FOLDER / "nih_vs_rsna_dev.csv.gz").query("match_ok and not nih_match_is_shared").drop_duplicates("nih_image")
    labels = _nih(table["nih_nlp_labels_v2020"], table["nih_image"])
    truth = pd.DataFrame({"Pneumonia": table["rsna_target"], "No Finding": table["rsna_class"] == "Normal"}).astype(float)
    facts = table[["age", "sex", "view", "followup"]]
    return _with_model("nih_rsna", labels, truth, table["nih_patient_id"], facts)


def nih_google() -> Task:
    """NIH's text-mined labels against adjudicated readings of four findings; Airspace opacity is any of NIH's opacities."""
    table = pd.read_csv(FOLDER / "nih_vs_google_dev.csv.gz")
    labels = _nih(table["nih_nlp_labels"], table["Image Index"])
    opacities = ["Infiltration", "Pneumonia", "Consolidation", "Atelectasis", "Edema"]
    labels = labels.assign(**{"Lung Opacity": labels[opacities].max(axis=1), "Lung Lesion": labels[["Nodule", "Mass"]].max(axis=1)})
    read = {"Pneumothorax": "Pneumothorax", "Lung Opacity": "Airspace opacity", "Lung Lesion": "Nodule or mass"}
    truth = pd.DataFrame({ours: (table[theirs] == "YES").astype(float) for ours, theirs in read.items()})
    facts = table[["Patient Age", "Patient Gender", "View Position", "Follow-up #"]].set_axis(["age", "sex", "view", "followup"], axis=1)
    return _with_model("nih_google", labels, truth, table["Patient ID"], facts)


def injected(name: str, dependence: float) -> Task:
    """Made data at the rates of real labels; see `made.py`."""
    drawn = made.draw(dependence)
    return Task(name, drawn.labels, drawn.truth, np.array(drawn.labels.index, str), models=drawn.models)


def _nih(said: pd.Series[str], items: pd.Series[str]) -> pd.DataFrame:
    """NIH's lists as a table: 1 where named, else blank, for the set says nothing of what it does not name."""
    named = said.str.split("|").map(lambda names: {find(name) for name in names})
    return pd.DataFrame({name: [1.0 if name in known else np.nan for known in named] for name in NIH_COLUMNS}, index=pd.Index(items))


def _with_model(name: str, labels: pd.DataFrame, truth: pd.DataFrame, patients: pd.Series[int], facts: pd.DataFrame) -> Task:
    """The task with one model: out-of-fold regressions of each label on what is known without film and report."""
    truth.index = labels.index
    units = patients.astype(str).to_numpy()
    model = features.out_of_fold(labels, list(truth.columns), units, facts)
    return Task(name, labels, truth, units, models={"context": model})
