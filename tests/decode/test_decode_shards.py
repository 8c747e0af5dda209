"""Parts of a shard: the same bytes however often the work was cut short, and no more of them rewritten than needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from dicoms import gradient, make_dicom

from pipeline import collect, decode
from pipeline.base.errors import HomeError
from pipeline.base.settings import Settings, load
from pipeline.base.storage import Home
from pipeline.decode import shards
from pipeline.decode.film import FilmError, decode_film

KEY = "a key for tests alone, 32 characters or more"
SETTINGS = load(overrides=("decode.shards=2", "decode.batch=3", "decode.max_megapixels=0.01"))


class Killed(BaseException):
    """Stands for a process that is gone."""


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process, which is quick, and where a test can count what is done."""
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", KEY)

    def decode_all(_: object, jobs: list[tuple[Path, bool]], settings: object) -> Iterator[object]:
        for path, in_full in jobs:
            try:
                yield decode_film(path, settings, in_full)  # type: ignore[arg-type]
            except FilmError as error:
                yield error.reason

    monkeypatch.setattr(shards, "decode_all", decode_all)


def film(export: Path, number: int, **fields: object) -> Path:
    shape = (120, 130) if number % 7 == 3 else (40, 48)  # the larger ones are refused, and looked at again by every run
    pixels = np.roll(gradient(*shape), 37 * number)
    return make_dicom(export / f"f{number:02d}.dcm", pixels, PatientID=f"MRN{number % 5}", **fields)


def first(export: Path) -> None:
    """Films, refused films, and one film sent twice."""
    export.mkdir()
    for number in range(20):
        film(export, number)
    shutil.copy(export / "f05.dcm", export / "f30.dcm")


def grown(export: Path) -> None:
    """Films come between, one changes, one leaves, one is sent again."""
    for number in range(40, 48):
        film(export, number).rename(export / f"f{number - 35:02d}b.dcm")
    film(export, 12, PatientSex="F")
    (export / "f08.dcm").unlink()
    shutil.copy(export / "f02.dcm", export / "f31.dcm")


def run(home: Home, settings: Settings, export: Path) -> None:
    collect.run(home, settings, export)
    decode.run(home, settings)


def run_killed(home: Home, export: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run again and again, each time killed one change of the disk later than before; return how often."""
    collect.run(home, SETTINGS, export)
    for at in range(1, 200):
        with monkeypatch.context() as patch:
            left = [at]

            def dying(does: Callable[..., object], left: list[int] = left) -> Callable[..., object]:
                def done(*args: object, **kwargs: object) -> object:
                    left[0] -= 1
                    if left[0] == 0:
                        raise Killed
                    return does(*args, **kwargs)

                return done

            patch.setattr(Home, "write_part", dying(Home.write_part))
            patch.setattr(shards, "atomic_bytes", dying(shards.atomic_bytes))
            patch.setattr(shards, "_unlink", dying(shards._unlink))
            try:
                decode.run(home, SETTINGS)
            except Killed:
                continue
            return at - 1
    raise AssertionError("it never ended")


def parts(home: Home) -> dict[str, bytes]:
    return {path.relative_to(home.tables).as_posix(): path.read_bytes() for path in sorted(home.tables.rglob("shard-*/*"))}


def test_killed_at_every_change_it_makes_a_run_ends_with_the_same_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export = tmp_path / "export"
    calm, killed = Home(tmp_path / "calm").create(), Home(tmp_path / "killed").create()
    for change in (first, grown):
        change(export)
        run(calm, SETTINGS, export)
        assert run_killed(killed, export, monkeypatch) > 8
        assert parts(killed) == parts(calm)
    films = calm.read("images", ["image_id"]).column("image_id").to_pylist()
    assert len(set(films)) == len(films) == 23


def test_a_few_more_films_leave_the_parts_there_are_alone(tmp_path: Path) -> None:
    export, home = tmp_path / "export", Home(tmp_path / "home").create()
    first(export)
    run(home, SETTINGS, export)
    before = {name for name in parts(home) if name.startswith("images/")}
    film(export, 40)
    run(home, SETTINGS, export)
    after = {name for name in parts(home) if name.startswith("images/")}
    assert before < after
    assert len(after) == len(before) + 1


def test_a_home_without_its_work_folder_ends_as_if_made_at_once(tmp_path: Path) -> None:
    export, home = tmp_path / "export", Home(tmp_path / "home").create()
    first(export)
    run(home, SETTINGS, export)
    film(export, 40).rename(export / "f00b.dcm")
    run(home, SETTINGS, export)
    shutil.rmtree(home.work / "decode")
    run(home, SETTINGS, export)
    anew = Home(tmp_path / "anew").create()
    run(anew, SETTINGS, export)
    assert parts(home) == parts(anew)


def test_files_that_crash_every_decoder_do_not_stop_a_later_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first(tmp_path / "export")
    doomed = {f"f{number:02d}.dcm" for number in range(0, 14, 2)}
    decoded = shards.decode_all

    def crashing(pool: object, jobs: list[tuple[Path, bool]], settings: object) -> Iterator[object]:
        for job, result in zip(jobs, decoded(pool, jobs, settings), strict=True):  # type: ignore[arg-type]
            yield "decoder_crashed" if job[0].name in doomed else result

    monkeypatch.setattr(shards, "decode_all", crashing)
    home = Home(tmp_path / "home").create()
    one = load(overrides=("decode.shards=1",))
    for _ in range(2):
        collect.run(home, one, tmp_path / "export")
        decode.run(home, one)
    reasons = home.sql("SELECT reason, count(*) AS n FROM decodings WHERE reason IS NOT NULL GROUP BY 1").to_pylist()
    assert {row["reason"]: row["n"] for row in reasons}["decoder_crashed"] == len(doomed)


def test_decoders_that_all_die_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first(tmp_path / "export")
    monkeypatch.setattr(shards, "decode_all", lambda pool, jobs, settings: iter(["decoder_crashed"] * len(jobs)))
    home = Home(tmp_path / "home").create()
    one = load(overrides=("decode.shards=1",))
    collect.run(home, one, tmp_path / "export")
    with pytest.raises(HomeError, match="every decoding process died"):
        decode.run(home, one)
