"""What no file of the project may hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LARGEST_BYTES = 2_000_000
# Paths of somebody's machine, package indexes, and secrets.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.$}~])/(?:work|root|Users|home/[a-z]\w*)/\w"),
    "a package index": re.compile(r"(?:--(?:extra-)?index-url|files\.pythonhosted|find-links)"),
    "a private key": re.compile(r"BEGIN (?:[A-Z]+ )?PRIVATE KEY"),
    "an unresolved merge": re.compile(r"^(?:<{7}|>{7}) ", re.M),
}


def tracked() -> list[Path]:
    """Files of the project, tracked or new and not ignored, but this one, which holds the patterns and examples."""
    asked = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file() and ROOT / name != Path(__file__)]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the project is not known")
    found = {}
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            found[path.relative_to(ROOT).as_posix()] = content.decode("utf-8")
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str, texts: dict[str, str]) -> None:
    holders = {name: found.group() for name, text in texts.items() if (found := FORBIDDEN[what].search(text))}
    assert not holders


def test_no_file_is_large(texts: dict[str, str]) -> None:
    assert {name: len(text) for name, text in texts.items() if len(text) > LARGEST_BYTES} == {}


def test_the_patterns_find_what_they_look_for() -> None:
    for what, example in (("a path of one machine", "see /home/ada/films"), ("a package index", "pip install --index-url x")):
        assert FORBIDDEN[what].search(example)
    for harmless in ("demo/home/tables", "HOME/work/stages", "{root}/work/x", "$HOME/work/a", "https://x.org/home/page"):
        assert not FORBIDDEN["a path of one machine"].search(harmless), harmless
