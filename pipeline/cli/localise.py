"""`cxr localise`: whether a network looks where radiologists drew boxes, as a table, a file and a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipeline.base.errors import InputError

console = Console(highlight=False)


def localise(
    checkpoint: Annotated[Path, typer.Option("--checkpoint", help="Network that cxr train wrote, .safetensors.")],
    data: Annotated[Path, typer.Option("--data", help="Folder of PNG or JPEG films, found by file name without suffix.")],
    boxes: Annotated[Path, typer.Option("--boxes", help="BBox_List_2017.csv (NIH), stage_2_train_labels.csv (RSNA), train.csv (VinDr).")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the scores to this .csv or .parquet file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write scores, and films with maps and boxes, to this page.")] = None,
    threshold: Annotated[float, typer.Option(min=0.01, max=0.99, help="Value of a map, 0 to 1, from which it counts as seen.")] = 0.5,
    box_size: Annotated[
        str | None, typer.Option("--box-size", metavar="PX|WxH", help="Size the boxes were drawn at, where the films were resized.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    draws: Annotated[int, typer.Option(min=100, help="Bootstrap samples of the patients behind each interval.")] = 1000,
) -> None:
    """Hold Grad-CAM maps against radiologists' boxes: pointing game and IoU for each finding, with 95 % intervals over patients."""
    from pipeline import localise as localising
    from pipeline.base.storage import atomic_bytes, copy_frame, require_writable
    from pipeline.localise import boxes as box_files
    from pipeline.localise import page, scores

    for path, kinds in ((output, (".csv", ".parquet")), (html, (".html",))):
        if path is not None:
            require_writable(path, kinds)
    size = None if box_size is None else _size(box_size)
    found = localising.localise(checkpoint, data, box_files.read(boxes), threshold, size, device)
    table = scores.table(found.looked, threshold, draws)
    for note in found.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
    console.print(_grid(page.rows(table)))
    if output is not None:
        copy_frame(table, output)
        console.print(f"written to {output}", markup=False, soft_wrap=True)
    if html is not None:
        atomic_bytes(html, page.html(found, table, checkpoint.stem).encode())
        console.print(f"written to {html}", markup=False, soft_wrap=True)


def _size(text: str) -> tuple[float, float]:
    if (match := re.fullmatch(r"([1-9]\d*)(?:[xX]([1-9]\d*))?", text)) is None:
        raise InputError(f"--box-size is pixels, not {text!r}", "give one number for square films, or WIDTHxHEIGHT")
    return float(match[1]), float(match[2] or match[1])


def _grid(rows: Iterable[tuple[str, ...]]) -> Grid:
    from pipeline.localise import page

    grid = Grid(
        box=box.SIMPLE_HEAD, pad_edge=False, title="Maps against boxes; in brackets 95 % intervals over patients", title_justify="left"
    )
    for name in page.HEAD:
        grid.add_column(name, justify="left" if name in ("finding", "metric") else "right")
    for row in rows:
        grid.add_row(*map(Text, row))
    return grid
