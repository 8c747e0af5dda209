"""Snapshots whose model is a program of their own. It runs when the user says so and names the digest of what was read.

The digest is over every file but tensors in safetensors, which cannot run. Files of code that a snapshot borrows from another repository
are refused: no digest would cover them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pipeline.base.errors import InputError

_TENSORS = ".safetensors"
_BLOCK = 1 << 20


def digest(folder: Path) -> str:
    """SHA-256 over the names and the bytes of every file, in order of their names; hidden folders and tensors are left out."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and path.suffix != _TENSORS and not any(part.startswith(".") for part in name.parts[:-1]):
            found.update(f"{name.as_posix()}\0{_file_digest(path)}\n".encode())
    return found.hexdigest()


def require_pinned(folder: Path, trusted: bool, pinned: str) -> None:
    """Let a snapshot pass whose code the user trusts by its digest.

    Args:
        folder: the snapshot.
        trusted: the option `trust_remote_code`.
        pinned: the option `snapshot_sha256`.

    Raises:
        InputError: it is no folder, is not trusted, is another than was pinned, or takes code from elsewhere.
    """
    if not folder.is_dir():
        raise InputError(f"{folder.name} is no folder", "give the snapshot folder as published")
    if linked := sorted(path.name for path in folder.rglob("*") if path.is_symlink() and path.is_dir()):
        raise InputError(f"{folder.name} holds linked folders, which no digest covers: {', '.join(linked)}", "put copies in their place")
    if borrowed := _borrowed(folder):
        raise InputError(f"{folder.name} takes code from elsewhere: {', '.join(borrowed)}", "put that code into the snapshot, and read it")
    found = digest(folder)
    if not trusted:
        raise InputError(
            f"{folder.name} needs the program inside it to run with all your rights",
            f"read its *.py; if you trust them set trust_remote_code=true and snapshot_sha256={found}",
        )
    if pinned.strip().lower() != found:
        raise InputError(
            f"{folder.name} has the digest {found}, snapshot_sha256 is {pinned or 'not set'}",
            "if its files changed, find out why; to trust what is there now set snapshot_sha256 to that digest",
        )


def _file_digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _borrowed(folder: Path) -> list[str]:
    """Entries of any auto_map that name another repository, as "owner/name--module.Class"."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            continue
        entries = told.get("auto_map") if isinstance(told, dict) else None
        names = entries.values() if isinstance(entries, dict) else ()
        flat = [name for value in names for name in (value if isinstance(value, list) else [value])]
        found += [str(name) for name in flat if name and "--" in str(name)]
    return found
