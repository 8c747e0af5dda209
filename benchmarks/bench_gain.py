"""The gain certificate against a truth that neither labels nor cleaning knew.

    python benchmarks/bench_gain.py [sample hospital] [--seeds 5] [--keep FOLDER]

    sample      the sample hospital, against its own ledger
    hospital    films of ../shared/data/hospital, against radiologists' readings of the same films (RSNA challenge, Majkowska et al. 2020)

The path runs up to `split` without the truth. Only then the truth of the films of the test split is entered as verdicts, and `validate`
trains on given and on cleaned labels of the train split, which the truth has not touched. One line a finding goes to
benchmarks/results/gain.jsonl; the last, macro, is the certificate.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import record
from pipeline import label, sample, validate
from pipeline.base import settings, verdicts
from pipeline.base.storage import Home
from pipeline.definitions import run_path

HOSPITAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "hospital"
# As the label files `rsna` and `nih_experts` read them: column -> finding and what each answer says of it.
_SAID = {"YES": 1, "NO": 0}
READINGS = (
    ("rsna_class", "Lung Opacity", {"Lung Opacity": 1, "No Lung Opacity / Not Normal": 0, "Normal": 0}),
    ("rsna_class", "No Finding", {"Lung Opacity": 0, "No Lung Opacity / Not Normal": 0, "Normal": 1}),
    ("google_airspace_opacity", "Lung Opacity", _SAID),
    ("google_pneumothorax", "Pneumothorax", _SAID),
    ("google_nodule_mass", "Lung Lesion", _SAID),
)
_GAIN = """
    SELECT g.finding, g.estimate, g.ci_low, g.ci_high, g.n_positive, g.n_negative, g.n_seeds, g.truth, g.certificate, o.estimate AS given,
           c.estimate AS cleaned
    FROM scores g
    JOIN scores o USING (finding, metric, subgroup, subgroup_value)
    JOIN scores c USING (finding, metric, subgroup, subgroup_value)
    WHERE g.trained_on = 'gain' AND o.trained_on = 'given' AND c.trained_on = 'cleaned' AND metric = 'auroc' AND subgroup = 'all'
    ORDER BY finding = 'macro', finding
"""


def sample_truth(root: Path) -> pd.DataFrame:
    """sop_instance_uid, finding, truth of the ledger."""
    cells: pd.DataFrame = pd.read_csv(root / "truth" / "cells.csv")[["sop_instance_uid", "finding", "truth"]]
    return cells.drop_duplicates(["sop_instance_uid", "finding"])


def hospital_truth() -> pd.DataFrame:
    """The same of radiologists' readings; where both read a film for opacity and differ, nobody knows."""
    read = pd.read_csv(HOSPITAL / "truth" / "images.csv")
    parts = [
        pd.DataFrame({"sop_instance_uid": read["sop_instance_uid"], "finding": finding, "truth": read[column].map(answers)})
        for column, finding, answers in READINGS
    ]
    known = pd.concat(parts).dropna().groupby(["sop_instance_uid", "finding"])["truth"].agg(["min", "max"]).reset_index()
    agreed = known[known["min"] == known["max"]]
    return agreed.rename(columns={"min": "truth"})[["sop_instance_uid", "finding", "truth"]]


def certify(
    export: Path, root: Path, profile: settings.Profile, overrides: tuple[str, ...], truth: pd.DataFrame
) -> Iterator[dict[str, object]]:
    """Rows of the certificate, one a finding that is scored, the macro last."""
    run_path(root, export, profile, overrides, "split")
    # A copy, so that the truth is not there when the path runs again; trainings that are finished stay in it.
    scored = root.with_name(f"{root.name}-scored")
    shutil.rmtree(scored / "private" / "verdicts", ignore_errors=True)
    shutil.copytree(root, scored, dirs_exist_ok=True)
    home, chosen = Home(scored), settings.load(root, profile, overrides)
    names = home.pseudonyms()
    known = truth.assign(image_id=[names.of("image", uid) for uid in truth["sop_instance_uid"]])
    tested = home.sql("SELECT DISTINCT image_id, finding FROM labels JOIN splits USING (image_id) WHERE split = 'test'").to_pandas()
    rows = tested.merge(known.drop_duplicates(["image_id", "finding"]), on=["image_id", "finding"], how="left")
    # What the truth does not know is not scored: the posterior, which would stand in for it, is made from the labels on trial.
    said = rows["truth"].map({1: "POSITIVE", 0: "NEGATIVE"}).fillna("UNCERTAIN")
    verdicts.append(home, [verdicts.Verdict(*row, "truth") for row in zip(rows["image_id"], rows["finding"], said, strict=True)])
    # Labels and not `rank`: what the truth says of the test split must not teach the cleaning of the others.
    label.run(home, chosen)
    validate.run(home, chosen)
    yield from home.sql(_GAIN).to_pylist()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["sample", "hospital"], help="sample, hospital")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="folder for the homes; finished stages and trainings there are not done again")
    asked = parser.parse_args()
    run = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory() as folder:
        work = asked.keep or Path(folder)
        for name in asked.names:
            if name == "hospital" and not HOSPITAL.is_dir():
                print("gain: ../shared/data/hospital is not here")
                continue
            if name == "sample" and not (work / "sample-hospital").exists():
                sample.make(work / "sample-hospital", 300, 0)
            export, truth = (
                (work / "sample-hospital" / "export", sample_truth(work / "sample-hospital"))
                if name == "sample"
                else (HOSPITAL / "export", hospital_truth())
            )
            profile: settings.Profile = "tiny" if name == "sample" else "full"
            for row in certify(export, work / name, profile, (f"validate.seeds={asked.seeds}",), truth):
                told = {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items() if value is not None}
                record("gain", {"data": name, "run": run, **told})


if __name__ == "__main__":
    main()
