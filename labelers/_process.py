"""Run somebody else's program on one batch: command template, time limit, process group, and what may be told of its errors.

Here belongs the process. Which files it reads and writes belongs to `negbio.py` and `chexpert.py`, batches and resume to `_batches.py`.
Report texts are patient data, so of the program's error output only words that stand in no report of the batch are shown.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from pipeline.base import provenance
from pipeline.base.errors import CxrError
from pipeline.base.interfaces import LabelerOptions
from pipeline.base.reports import READ_SECTIONS

INPUT, OUTPUT = "{input}", "{output}"
_GRACE_S = 2.0
_TAIL_BYTES = 4096
_TAIL_LINES = 3
_TAIL_CHARACTERS = 400
_WORD = re.compile(r"[^\W_]+")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[a-z])|%[0-9a-fA-F]{2}")
_ERROR_CLASS = re.compile(r"[A-Z][A-Za-z]*(?:Error|Exception|Interrupt)")


class ToolError(CxrError):
    """An external labeler failed, took too long, or wrote what is no answer to what it was given."""


class ProcessOptions(LabelerOptions):
    """How an external labeler is run.

    Attributes:
        of_reading: options that decide how an output is read, but not what the tool writes.
    """

    of_reading: ClassVar[frozenset[str]] = frozenset()
    command: tuple[str, ...] = Field(
        default=(), description="the tool's command, a list or one line (no shell runs it); {input} and {output} stand for absolute paths"
    )
    folder: Path | None = Field(default=None, description="working folder of the command, for tools that look for their files there")
    sections: tuple[str, ...] = Field(default=READ_SECTIONS, description="sections whose text is handed over")
    batch_reports: int = Field(default=500, ge=1, description="reports handed over at a time")
    timeout_s: float = Field(default=3600, gt=0, description="seconds that one batch may take")
    tool_version: str = Field(default="", description="the tool's version, kept with its labels; another version reads everything anew")

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return shlex.split(value) if isinstance(value, str) else value

    @field_validator("command")
    @classmethod
    def _has_both_files(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        absent = [name for name in (INPUT, OUTPUT) if not any(name in part for part in value)]
        if value and absent:
            raise ValueError(f"the command has no {' and no '.join(absent)}")
        return value


def missing(options: ProcessOptions, name: str, example: str) -> str | None:
    """Why the command cannot be started, with the remedy, or None."""
    if not options.command:
        return f"no command is set; set label.options.{name}.command, for example '{example}'"
    if options.folder is not None and not options.folder.is_dir():
        return f"the folder {options.folder} does not exist; set label.options.{name}.folder to where the tool lies"
    program = options.command[0]
    is_path = os.sep in program
    # As the system does it: a path counts from the command's own folder, a bare name is looked up in PATH.
    found = shutil.which((options.folder or Path()) / program) if is_path else shutil.which(program)
    where = "there is no executable file" if is_path else "PATH has no program"
    return None if found else f"{where} {program}; install it, or set label.options.{name}.command to where it is"


def digest(options: ProcessOptions, besides: Collection[str] = ()) -> str:
    """Names the options that decide the answers, all but `besides`; how many reports go at a time and how long they may take does not."""
    return provenance.digest(options.model_dump(mode="json", exclude={"batch_reports", "timeout_s", *besides}))


def version(options: ProcessOptions) -> str:
    """The tool's version as the user gave it, and a digest of the command."""
    return f"{options.tool_version or 'unknown'}+{digest(options)[:12]}"


def run(options: ProcessOptions, name: str, source: Path, target: Path, log: Path, texts: Sequence[str]) -> None:
    """Run the command on one batch, and end every process that it started and left behind.

    Args:
        options: command, folder and time limit.
        name: the labeler, for messages.
        source: what {input} stands for.
        target: what {output} stands for.
        log: a file for the command's error output.
        texts: what the batch says, so that no message repeats it.

    Raises:
        ToolError: the command cannot be started, takes too long, or ends with another exit status than 0.
    """
    command = [part.replace(INPUT, str(source)).replace(OUTPUT, str(target)) for part in options.command]
    try:
        code = _exit_status(command, options.folder, log, options.timeout_s)
    except OSError as error:
        raise ToolError(f"the command of the labeler {name} cannot be started ({error.strerror})", _look_at("command", name)) from None
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"the labeler {name} took longer than {options.timeout_s:g} s for a batch of {len(texts)} reports and was stopped",
            f"raise label.options.{name}.timeout_s or lower label.options.{name}.batch_reports",
        ) from None
    if code != 0:
        said = masked(_tail(log), texts)
        raise ToolError(
            f"the command of the labeler {name} ended with exit status {code}" + (f'; its last words: "{said}"' if said else ""),
            _look_at("command", name),
        )


def masked(message: str, texts: Sequence[str]) -> str:
    """The message on one line, with "…" for every word that stands in one of the texts, holds such a word, or is a part of one."""
    haystack = "\n".join(texts).casefold()
    words = {word for word in _WORD.findall(haystack) if len(word) > 3}

    def mask(found: re.Match[str]) -> str:
        token = found[0].casefold()
        is_plain = _ERROR_CLASS.fullmatch(found[0]) or (token not in haystack and not any(word in token for word in words))
        return found[0] if is_plain else "…"

    return " ".join(_WORD.sub(mask, _ESCAPE.sub(" ", message)).split())[-_TAIL_CHARACTERS:]


def _look_at(option: str, name: str) -> str:
    return f"run the command by hand on a report of your own making, and mend it or label.options.{name}.{option}"


def _exit_status(command: Sequence[str], folder: Path | None, log: Path, timeout_s: float) -> int:
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
    try:
        return process.wait(timeout_s)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group: with time to tidy up where the tool still runs, then for good, as a child may ignore SIGTERM."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _tail(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = stream.read().decode(errors="replace").splitlines()
    return "\n".join([line for line in lines if line.strip()][-_TAIL_LINES:])
