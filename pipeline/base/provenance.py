"""What made a table: digests of inputs, settings and code. A stage whose fingerprint has not changed is not run again."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("pipeline", "labelers", "models")
_LIBRARIES = ("numpy", "pyarrow", "pydicom", "torch", "torchvision", "cleanlab", "scikit-learn", "duckdb", "dagster")


def digest(value: Any) -> str:
    """SHA-256, hexadecimal, of a JSON value written canonically."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256, hexadecimal, of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def path_sha256(path: Path) -> str:
    """SHA-256, hexadecimal, of a file, or of the names and the files of a folder; hidden files are left out."""
    if path.is_file():
        return file_sha256(path)
    return digest([(name, file_sha256(file)) for name, file in _files(path)])


def path_stamp(path: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of a file or of a folder's files: they change when the content does, and cost no reading."""
    found = [("", path)] if path.is_file() else _files(path)
    return [(name, file.stat().st_size, file.stat().st_mtime_ns) for name, file in found]


def _files(folder: Path) -> list[tuple[str, Path]]:
    named = [(path.relative_to(folder), path) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(name.as_posix(), path) for name, path in named if not any(part.startswith(".") for part in name.parts)]


@cache
def code_digest() -> str:
    """Digest of every source and data file of the product code but `assets/`."""
    found = sorted(
        path for package in _PACKAGES for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return digest([(path.relative_to(ROOT).as_posix(), file_sha256(path)) for path in found])


@cache
def commit() -> str:
    """The git commit of the code, with "+" when changed since; "unknown" outside a checkout."""
    try:
        run = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty=+"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return run.stdout.strip()


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that shape the tables."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "absent"
    return found
