"""A C-STORE receiver (PS3.4 Annex B): films that a modality or PACS sends become files of an inbox, which is an export like any other.

Files are named by the SHA-256 of their bytes: a name identifies nobody, and what is sent twice is one file.
A file is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.base.errors import InputError
from pipeline.base.storage import disk_errors

# PS3.4 table B.2-1.
_SUCCESS, _OUT_OF_RESOURCES, _CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000


def start(inbox: Path, port: int, ae_title: str, host: str = "127.0.0.1", told: Callable[[], None] = lambda: None) -> Any:
    """Listen until `shutdown` is called on what is returned.

    Args:
        inbox: folder that is filled; made when new.
        port: TCP port; 0 takes a free one.
        ae_title: Application Entity title that callers must use.
        host: address to listen on.
        told: called after each stored file.

    Raises:
        InputError: the port is taken or not allowed.
        HomeError: the inbox cannot be written.
    """
    from pydicom.uid import AllTransferSyntaxes
    from pynetdicom import AE, AllStoragePresentationContexts, evt

    with disk_errors(inbox):
        inbox.mkdir(parents=True, exist_ok=True)
        _arriving(inbox).mkdir(mode=0o700, exist_ok=True)
    entity = AE(ae_title=ae_title)
    entity.require_called_aet = True
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(str(context.abstract_syntax), list(AllTransferSyntaxes))
    entity.add_supported_context("1.2.840.10008.1.1")  # Verification, C-ECHO

    def store(event: Any) -> int:
        try:
            content = event.encoded_dataset()
        except Exception:  # whatever a sender sends
            return _CANNOT_UNDERSTAND
        try:
            keep(inbox, content)
        except OSError:
            return _OUT_OF_RESOURCES
        told()
        return _SUCCESS

    try:
        return entity.start_server((host, port), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    except OSError as error:
        raise InputError(f"port {port} cannot be listened on ({error.strerror})", "give another one with --port") from error


def keep(inbox: Path, content: bytes) -> Path:
    """Put a file into the inbox, whole or not at all.

    Raises:
        OSError: the disk is full or not writable.
    """
    name = hashlib.sha256(content).hexdigest()
    final = inbox / name[:2] / f"{name}.dcm"
    if final.exists():
        return final
    temporary = _arriving(inbox) / f"{name}.{os.getpid()}.{id(content)}"
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        final.parent.mkdir(exist_ok=True)
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
    return final


def _arriving(inbox: Path) -> Path:
    """Beside the inbox, so that a run never sees half a file."""
    return inbox.with_name(f".{inbox.name}.arriving")
