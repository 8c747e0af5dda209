"""One film's whole story, from file to split."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.text import Text

from pipeline.base.errors import InputError
from pipeline.base.storage import Home
from pipeline.cli.show import grid

_WHOLE = 1000
_FILM = "image_id = '{image}'"
_STORY: tuple[tuple[str, str, str], ...] = (
    ("header", "instances", "SELECT * EXCLUDE (file_id, series_id) FROM instances WHERE file_id IN ({files})"),
    ("decoding", "decodings", "SELECT file_id, outcome, reason FROM decodings WHERE file_id IN ({files})"),
    (
        "film",
        "images",
        "SELECT width_px, height_px, source_width_px, source_height_px, pixel_spacing_mm, mean_level FROM images WHERE " + _FILM,
    ),
    ("exclusions and flags", "exclusions", "SELECT action, reason, rule, evidence FROM exclusions WHERE file_id IN ({files})"),
    ("group", "groups", "SELECT patient_id, group_id, duplicate_of, duplicate_kinds, correlation FROM groups WHERE " + _FILM),
    (
        "annotations",
        "annotations",
        "SELECT finding, annotator, state, evidence FROM annotations WHERE " + _FILM + " AND state <> 'UNMENTIONED' ORDER BY ALL",
    ),
    (
        "labels",
        "labels",
        "SELECT finding, given_label, state, p_positive, decided_by, verdict FROM labels WHERE "
        + _FILM
        + " AND (state <> 'UNMENTIONED' OR p_positive > 0.2) ORDER BY p_positive DESC",
    ),
    ("model", "pred_probs", "SELECT finding, model, fold, pred_prob FROM pred_probs WHERE " + _FILM + " ORDER BY pred_prob DESC"),
    (
        "label issues",
        "label_issues",
        "SELECT rank, finding, given_label, p_positive, label_quality_score, reason FROM label_issues WHERE "
        + _FILM
        + " AND is_label_issue ORDER BY rank",
    ),
    ("verdicts", "verdicts", "SELECT finding, verdict, reader_id, sequence, is_current FROM verdicts WHERE " + _FILM),
    ("split", "splits", "SELECT split, assigned_by FROM splits WHERE " + _FILM),
)


def explain(console: Console, home: Home, film: str) -> None:
    """Print everything the tables hold about a film or file.

    Args:
        console: where to print.
        home: the dataset.
        film: an image_id, or a path below the export.

    Raises:
        InputError: neither is known.
    """
    ledger = home.read("private_files")
    mine = _rows_of(home, ledger, film)
    console.rule(f"[bold]{film}")
    console.print(grid(mine))
    files = mine.column("file_id").to_pylist()
    images = sorted({image for image in _image_ids(home, files) if image})
    names = {"files": ", ".join(f"'{file}'" for file in files), "image": images[0] if images else ""}
    for title, table, query in _STORY:
        if home.exists(table) and (images or "{files}" in query):
            found = home.sql(query.format(**names))
            if found.num_rows:
                console.print(f"\n[bold]{title}[/bold]")
                console.print(_turned(found) if found.num_rows == 1 and found.num_columns > 6 else grid(found, _WHOLE))
    if images and home.exists("mentions"):
        _report(console, home, images[0])


def _rows_of(home: Home, ledger: pa.Table, film: str) -> pa.Table:
    export = Path((home.private / "export").read_text()) if (home.private / "export").exists() else Path()
    path = Path(film)
    relative = (
        path.resolve().relative_to(export).as_posix()
        if path.exists() and path.resolve().is_relative_to(export)
        else film.removeprefix("./")
    )
    files = (
        home.sql(f"SELECT file_id FROM files WHERE image_id = '{film}'").column("file_id") if film.isalnum() else pa.array([], pa.string())
    )
    chosen = pc.or_(
        pc.equal(ledger.column("path"), relative), pc.is_in(ledger.column("file_id"), value_set=pa.array(files.to_pylist(), pa.string()))
    )
    mine = ledger.filter(chosen)
    if not mine.num_rows:
        raise InputError(
            f"{film} is neither a path of the export nor an image_id", 'find one with: cxr sql "SELECT image_id FROM groups LIMIT 5"'
        )
    return mine


def _image_ids(home: Home, files: list[str]) -> list[str | None]:
    listed = ", ".join(f"'{file}'" for file in files)
    found: list[str | None] = home.sql(f"SELECT DISTINCT image_id FROM files WHERE file_id IN ({listed})").column("image_id").to_pylist()
    return found


def _turned(found: pa.Table) -> str:
    row = found.to_pylist()[0]
    return "\n".join(f"  {name:28} {value}" for name, value in row.items() if value is not None)


def _report(console: Console, home: Home, image: str) -> None:
    """The report with each mention in the colour of its state."""
    reports = home.sql(
        f"SELECT DISTINCT r.report_id, r.text FROM reports r JOIN instances i USING (study_id) WHERE i.image_id = '{image}'"
    ).to_pylist()
    for report in reports:
        text = Text(report["text"])
        mentions = home.sql(f"SELECT * FROM mentions WHERE report_id = '{report['report_id']}' ORDER BY start").to_pylist()
        for mention in mentions:
            text.stylize(
                {"POSITIVE": "bold red", "NEGATIVE": "green", "UNCERTAIN": "bold yellow"}[mention["state"]],
                mention["start"],
                mention["end"],
            )
        console.print(
            "\n[bold]report[/bold] [dim]([bold red]present[/bold red], [green]absent[/green], [bold yellow]uncertain[/bold yellow])[/dim]"
        )
        console.print(text)
        if mentions:
            console.print("\n[bold]mentions[/bold]")
            columns = 'finding, state, grade, section, start, "end", words, rule_ids'
            shown = home.sql(f"SELECT {columns} FROM mentions WHERE report_id = '{report['report_id']}' ORDER BY start")
            console.print(grid(shown))
