"""`cxr receive`: an inbox filled by C-STORE."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def receive(
    inbox: Annotated[Path, typer.Argument(help="Folder to fill; give it to cxr run as EXPORT.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port to listen on; 0 takes a free one.")] = 11112,
    ae_title: Annotated[str, typer.Option(help="Application Entity title that senders call.")] = "CXR",
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every one.")] = "127.0.0.1",
) -> None:
    """Take films that a modality or PACS sends (DICOM C-STORE) into a folder, until interrupted."""
    from pipeline.collect.receive import start

    console, stop, stored = Console(highlight=False), threading.Event(), [0]

    def count() -> None:
        stored[0] += 1

    server = start(inbox, port, ae_title, host, count)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    console.print(f"{ae_title} listens on {host}:{server.server_address[1]}; interrupt to stop.")
    stop.wait()
    server.shutdown()
    console.print(f"{stored[0]} files stored.")
