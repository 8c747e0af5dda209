"""What is declared is documented, and what is documented exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.base.interfaces import ALL
from pipeline.base.registry import Registry

ROOT = Path(__file__).resolve().parents[2]


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _load(ROOT / "docs" / "generate.py")
GENERATED = {path: (kind, make) for kind, files in generate.FILES.items() for path, make in files.items()}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OPTIONS = {name: {spelling for option in command.params for spelling in option.opts} for name, command in generate.commands()}
GROUPS = {name for name, command in generate.commands() if hasattr(command, "commands")}
TARGETS = set(" ".join(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)).split())


@pytest.mark.parametrize("path", GENERATED)
def test_generated_files_are_current(path: str) -> None:
    kind, make = GENERATED[path]
    assert (ROOT / path).read_text(encoding="utf-8") == make(), f"run: make {kind}"


@pytest.mark.parametrize("registry", ALL, ids=lambda registry: registry.seam)
def test_every_plugin_says_what_it_does(registry: Registry[Any]) -> None:
    for name in registry.names():
        assert re.fullmatch(r"[a-z][a-z0-9_-]*", name)
        assert registry.describe(name), f"{registry.seam} {name} has no docstring"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_pages_named_in_code_exist() -> None:
    code = [path for folder in ("pipeline", "assets", "labelers", "models") for path in (ROOT / folder).rglob("*.py")]
    named = {name for path in code for name in re.findall(r"docs/[\w/-]+\.md", path.read_text(encoding="utf-8"))}
    assert {name for name in named if not (ROOT / name).is_file()} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_in_the_docs_exist(page: Path) -> None:
    for line in _shell_lines(page.read_text(encoding="utf-8")):
        words = line.split()
        if words[0] in ("cxr", ".venv/bin/cxr"):
            _check_cxr(words[1:], line)
        if words[0] == "make" and len(words) > 1:
            assert words[1] in TARGETS, line


def _shell_lines(text: str) -> list[str]:
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.M | re.S)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.replace("\\\n", " ").split("\n")]
    return [line for line in lines if line and not line.startswith("#")]


def _check_cxr(words: list[str], line: str) -> None:
    name = "cxr"
    while words and name in GROUPS and not words[0].startswith("-"):
        both = f"{name} {' '.join(words[:2])}"
        name, words = (both, words[2:]) if both in OPTIONS else (f"{name} {words[0]}", words[1:])
    assert name in OPTIONS, f"no such command: {line}"
    for option in re.findall(r"(?<=\s)(--[a-z-]+)", " " + re.sub(r'"[^"]*"', "", " ".join(words))):
        assert option in OPTIONS[name] | {"--help"}, f"{option} is no option of {name}: {line}"
