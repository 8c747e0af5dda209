"""Every registered export format keeps the same promises; then what is particular to each."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
import torch

from pipeline.base.errors import HomeError, InputError
from pipeline.base.images import decode_eight_bits
from pipeline.base.interfaces import FORMATS
from pipeline.base.storage import Home
from pipeline.write import curated as shared
from pipeline.write.formats import chexpert_csv, parquet, webdataset

NUMBER = {"POSITIVE": "1.0", "NEGATIVE": "0.0", "UNCERTAIN": "-1.0", "UNMENTIONED": ""}
CARRY_FILMS = ("parquet", "chexpert-csv", "webdataset")
Pixels = dict[str, npt.NDArray[np.uint8]]


def exported(home: Home, name: str, folder: Path) -> Path:
    FORMATS.get(name)(home, folder / name)
    return folder / name


def kept(home: Home) -> dict[str, str]:
    """image_id -> split of every kept film."""
    return {row["image_id"]: row["split"] for row in home.read("splits").to_pylist()}


def stored(home: Home) -> Pixels:
    return {row["image_id"]: decode_eight_bits(row["pixels"]) for row in home.read("images", ["image_id", "pixels"]).to_pylist()}


def films_in(folder: Path) -> tuple[dict[str, str], Pixels]:
    """Splits and pixels of an export, found without knowing its format: PNG files, tar members or a Parquet column."""
    splits, pixels = {}, {}
    for path in folder.rglob("*"):
        split = path.relative_to(folder).parts[0].replace("valid", "validate").replace("validateate", "validate")
        found: list[tuple[str, bytes]] = []
        if path.suffix == ".png":
            found = [(path.stem, path.read_bytes())]
        elif path.suffix == ".tar":
            with tarfile.open(path) as tar:
                found = [(Path(m.name).stem, tar.extractfile(m).read()) for m in tar if m.name.endswith(".png")]  # type: ignore[union-attr]
        elif path.suffix == ".parquet":
            table = pq.read_table(path, columns=["image_id", "pixels"], partitioning=None)
            found = list(zip(table.column("image_id").to_pylist(), table.column("pixels").to_pylist(), strict=True))
        for image_id, png in found:
            assert image_id not in splits, "a film was written twice"
            splits[image_id], pixels[image_id] = split, decode_eight_bits(png)
    return splits, pixels


def test_the_promised_formats_are_registered() -> None:
    assert set(CARRY_FILMS) <= set(FORMATS.names())


@pytest.mark.parametrize("name", FORMATS.names())
class TestEveryFormat:
    def test_it_describes_itself_in_one_line(self, name: str) -> None:
        assert 10 < len(FORMATS.get(name).description) < 140
        assert "\n" not in FORMATS.get(name).description

    def test_the_files_it_names_are_the_files_it_wrote(self, name: str, curated: Home, tmp_path: Path) -> None:
        named = FORMATS.get(name)(curated, tmp_path / "out")
        assert sorted(named) == sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_every_kept_film_is_in_its_split_with_its_own_pixels(self, name: str, curated: Home, tmp_path: Path) -> None:
        splits, pixels = films_in(exported(curated, name, tmp_path))
        if not splits and name not in CARRY_FILMS:
            pytest.skip("this format carries labels without films")
        assert splits == kept(curated)
        truth = stored(curated)
        assert all(np.array_equal(pixels[image], truth[image]) for image in splits)

    def test_writing_again_gives_the_same_bytes(self, name: str, curated: Home, tmp_path: Path) -> None:
        first = {path: path.read_bytes() for path in FORMATS.get(name)(curated, tmp_path / "out")}
        assert {path: path.read_bytes() for path in FORMATS.get(name)(curated, tmp_path / "out")} == first

    def test_it_touches_no_folder_of_somebody_else(self, name: str, curated: Home, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("mine")
        with pytest.raises(InputError, match="nothing is overwritten"):
            FORMATS.get(name)(curated, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

    def test_it_touches_no_export_in_another_format(self, name: str, curated: Home, tmp_path: Path) -> None:
        (tmp_path / shared.MARKER).write_text(json.dumps({"format": "another"}))
        with pytest.raises(InputError, match="an export as another"):
            FORMATS.get(name)(curated, tmp_path)

    def test_an_interrupted_export_leaves_the_old_one(
        self, name: str, curated: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = {path: path.read_bytes() for path in FORMATS.get(name)(curated, tmp_path / "out")}

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(shared, "_marker", stop)
        with pytest.raises(KeyboardInterrupt):
            FORMATS.get(name)(curated, tmp_path / "out")
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before

    def test_a_home_without_labels_is_refused(self, name: str, own: Home, tmp_path: Path) -> None:
        own.path("labels").unlink()
        with pytest.raises(HomeError, match="table labels was not made yet"):
            FORMATS.get(name)(own, tmp_path / "out")
        assert list((tmp_path / "out").rglob("*")) == []


def test_a_folder_of_the_home_is_refused(curated: Home) -> None:
    for folder in (curated.root, curated.tables / "x", curated.private, curated.releases / "mine"):
        with pytest.raises(InputError, match="part of the home"):
            FORMATS.get("parquet")(curated, folder)


def test_column_names() -> None:
    assert shared.column("given", "Pleural Effusion") == "given_pleural_effusion"


# CheXpert CSV ---------------------------------------------------------------------------------------------------------


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def chexpert(curated: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(curated, "chexpert-csv", tmp_path_factory.mktemp("exports"))


@pytest.mark.parametrize(("suffix", "column"), [("", "state"), ("_given", "given_label")])
def test_states_survive_and_blank_stays_blank(curated: Home, chexpert: Path, suffix: str, column: str) -> None:
    truth = {(row["image_id"], row["finding"]): row[column] for row in curated.read("labels").to_pylist()}
    seen = Counter[str]()
    for name in ("train", "valid", "test"):
        for row in rows_of(chexpert / f"{name}{suffix}.csv"):
            for finding in ("No Finding", "Cardiomegaly", "Edema", "Pleural Effusion", "Hernia"):
                assert row[finding] == NUMBER[truth[Path(row["Path"]).stem, finding]]
                seen[row[finding]] += 1
    assert set(seen) == {"1.0", "0.0", "-1.0", ""}
    assert sum(seen.values()) == len(truth)


def test_cleaned_csv_has_the_targets_of_the_view(curated: Home, chexpert: Path) -> None:
    truth = {(row["image_id"], row["finding"]): row["cleaned_target"] for row in curated.sql("SELECT * FROM curated").to_pylist()}
    for name in ("train", "valid", "test"):
        for row in rows_of(chexpert / f"{name}_cleaned.csv"):
            for finding in ("Edema", "Hernia"):
                wanted = truth[Path(row["Path"]).stem, finding]
                assert row[finding] == ("" if wanted is None else str(wanted))


def test_paths_and_facts_are_chexperts(curated: Home, chexpert: Path) -> None:
    facts = {row["image_id"]: row for row in curated.read("instances").to_pylist()}
    rows = [row for name in ("train", "valid", "test") for row in rows_of(chexpert / f"{name}.csv")]
    assert len(rows) == len(kept(curated))
    for row in rows:
        fact = facts[Path(row["Path"]).stem]
        assert (chexpert / row["Path"]).is_file()
        assert row["Path"].split("/")[1:3] == [fact["patient_id"], fact["study_id"]]
        assert row["Sex"] == {"F": "Female", "M": "Male"}[fact["patient_sex"]]
        assert (row["Age"], row["Frontal/Lateral"], row["AP/PA"]) == (str(fact["patient_age_years"]), "Frontal", fact["view_position"])


def test_findings_are_in_chexperts_order_with_ours_behind() -> None:
    assert chexpert_csv.order(("Hernia", "Pleural Effusion", "No Finding", "Cardiomegaly")) == (
        "No Finding",
        "Cardiomegaly",
        "Pleural Effusion",
        "Hernia",
    )


def test_unknown_facts_are_unknown() -> None:
    row = {
        "image_id": "i",
        "patient_id": "p",
        "study_id": None,
        "split": "test",
        "patient_sex": None,
        "patient_age_years": None,
        "view_position": "LL",
        "codec": "png",
    }
    assert chexpert_csv.facts(row) == ["test/p/i/i.png", "Unknown", "", "Lateral", ""]
    assert chexpert_csv.film_path(row | {"codec": "jpeg"}) == "test/p/i/i.jpg"


# WebDataset -----------------------------------------------------------------------------------------------------------


def test_the_webdataset_package_reads_the_shards(curated: Home, tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset")
    folder = exported(curated, "webdataset", tmp_path)
    truth = {(row["image_id"], row["finding"]): row for row in curated.sql("SELECT * FROM curated").to_pylist()}
    pixels, shards = stored(curated), sorted(str(path) for path in (folder / "train").glob("*.tar"))
    samples = list(wds.WebDataset(shards, shardshuffle=False).decode("l8"))
    assert len(samples) == list(kept(curated).values()).count("train")
    for sample in samples:
        image_id = sample["__key__"]
        assert np.array_equal(sample["png"], pixels[image_id])
        for finding, target in sample["json"]["cleaned"].items():
            assert target == truth[image_id, finding]["cleaned_target"]
        assert sample["json"]["state"]["Edema"] == truth[image_id, "Edema"]["state"]


def test_a_shard_holds_at_most_its_number_of_films(curated: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdataset, "_FILMS_A_FILE", 4)
    monkeypatch.setattr(parquet, "_FILMS_A_FILE", 4)
    n = list(kept(curated).values()).count("train")
    for name, pattern in (("webdataset", "*.tar"), ("parquet", "*.parquet")):
        folder = exported(curated, name, tmp_path)
        assert len(list((folder / "train").glob(pattern))) == -(-n // 4)
        assert films_in(folder)[0] == kept(curated)


def test_tar_members_carry_no_owner_and_no_time(curated: Home, tmp_path: Path) -> None:
    path = next((exported(curated, "webdataset", tmp_path) / "train").glob("*.tar"))
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in tar} == {(0, 0, 0, "", "")}


# PyTorch --------------------------------------------------------------------------------------------------------------


def test_three_lines_load_the_train_split(curated: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    FORMATS.get("parquet")(curated, Path("exports/parquet"))

    from models.dataset import CuratedFilms

    train = CuratedFilms("exports/parquet", split="train")  # fmt: skip
    image, target = train[0]

    assert len(train) == list(kept(curated).values()).count("train")
    assert (image.shape, image.dtype) == ((1, 224, 224), torch.float32)
    assert 0 <= float(image.min()) < float(image.max()) <= 1
    assert (target.shape, target.dtype) == ((5,), torch.float32)


@pytest.fixture(scope="module")
def shards(curated: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(curated, "parquet", tmp_path_factory.mktemp("shards"))


@pytest.mark.parametrize("labels", ["given", "cleaned"])
def test_targets_are_joined_by_name_and_masked_with_nan(curated: Home, shards: Path, labels: str) -> None:
    from models.dataset import CuratedFilms

    truth = {(row["image_id"], row["finding"]): row[f"{labels}_target"] for row in curated.sql("SELECT * FROM curated").to_pylist()}
    wanted = ("Hernia", "Edema", "No Finding")
    masked = 0
    for split in ("train", "validate", "test"):
        films = CuratedFilms(shards, split=split, labels=labels, findings=wanted)
        assert films.findings == wanted
        for image_id, row in zip(films.image_ids, films.targets, strict=True):
            expected = [truth[image_id, finding] for finding in wanted]
            np.testing.assert_array_equal(row, np.array([np.nan if value is None else value for value in expected], np.float32))
            masked += expected.count(None)
    assert masked > 0


def test_pixels_in_own_size_are_the_stored_film(curated: Home, shards: Path) -> None:
    from models.dataset import CuratedFilms

    truth, films = stored(curated), CuratedFilms(shards, split="train", size_px=None)
    for index in np.random.default_rng(0).permutation(len(films)):
        image = films[int(index)][0].squeeze(0).numpy()
        assert np.array_equal(np.round(image * 255).astype(np.uint8), truth[films.image_ids[index]])
    assert torch.equal(films[-1][0], films[len(films) - 1][0])
    with pytest.raises(IndexError):
        films[len(films)]


def test_loader_workers_see_what_one_process_sees(shards: Path) -> None:
    from torch.utils.data import DataLoader

    from models.dataset import CuratedFilms

    films = CuratedFilms(shards, split="train", size_px=32)
    films[0]
    alone = [torch.stack(parts) for parts in zip(*(films[i] for i in range(len(films))), strict=True)]
    batches = list(DataLoader(films, batch_size=4, num_workers=2))
    for position in (0, 1):
        together = torch.cat([batch[position] for batch in batches])
        assert torch.equal(torch.nan_to_num(together, nan=-7), torch.nan_to_num(alone[position], nan=-7))


def test_what_is_not_there_is_named(shards: Path, tmp_path: Path) -> None:
    from models.dataset import CuratedFilms

    with pytest.raises(InputError, match="no train films"):
        CuratedFilms(tmp_path)
    with pytest.raises(InputError, match="no valid films"):
        CuratedFilms(shards, split="valid")
    with pytest.raises(InputError, match="Goitre"):
        CuratedFilms(shards, findings=["Goitre"])
