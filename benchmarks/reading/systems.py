"""The labelers side by side: ours in this process, each peer in a process and an environment of its own. No scores.

A peer's process answers one request at a time and waits meanwhile, so that measurements alternate on an idle processor; see
`benchmarks/peers/labelers.py` for what is asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from benchmarks.reading.files import Concept, States
from labelers.rules import assertion_of, engine
from pipeline.base.errors import InputError, PluginError
from pipeline.base.interfaces import LABELERS
from pipeline.base.labels import LabeledReport, LabelState, to_chexpert
from pipeline.base.reports import Report

HERE = Path(__file__).resolve().parents[1]
ENVIRONMENTS = HERE / ".venv-labelers"
PEERS = ("negspacy", "medspacy")
PRESETS = ("openi", "guide")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class System(Protocol):
    """A labeler under test; each call answers with the CPU seconds of its work."""

    name: str
    version: str

    def negated(self, concepts: Sequence[Concept]) -> tuple[list[bool], float]:
        """Whether it reads each concept as denied."""
        ...

    def labels(self, texts: Sequence[str]) -> tuple[list[States], float]:
        """Finding -> 1, 0, -1 for each report."""
        ...


class Ours:
    """The rule labeler with one preset."""

    def __init__(self, preset: str) -> None:
        labeler = LABELERS.get("rules")
        self._preset = preset
        self.name = f"rules, preset {preset}"
        self.version = labeler.version(labeler.Options.model_validate({"preset": preset}))

    def negated(self, concepts: Sequence[Concept]) -> tuple[list[bool], float]:
        """Only NEGATIVE is denied; doubt, history and hypothesis are not."""
        started = time.process_time()
        verdicts = [assertion_of(one.text, one.start, one.end) for one in concepts]
        seconds = time.process_time() - started
        if None in verdicts:
            raise InputError(f"concept {verdicts.index(None)} covers no word", "benchmarks/reading/files.py places concepts")
        return [verdict is not None and verdict.state is LabelState.NEGATIVE for verdict in verdicts], seconds

    def labels(self, texts: Sequence[str]) -> tuple[list[States], float]:
        """Reading starts at the text, with an engine that remembers no sentence of an earlier call."""
        started = time.process_time()
        fresh = engine(preset=self._preset)
        found = [_states(fresh.label(Report.of(str(number), text))) for number, text in enumerate(texts)]
        return found, time.process_time() - started


class Peer:
    """A peer in its environment; a context that ends its process.

    Args:
        name: one of `PEERS`.
        lexicon: file of phrases, see `benchmarks/peers/labelers.py`.
    """

    def __init__(self, name: str, lexicon: Path) -> None:
        self.name = name
        worker = [str(python_of(name)), str(HERE / "peers" / "labelers.py"), name, str(lexicon)]
        environment = os.environ | _ONE_THREAD
        self._process = subprocess.Popen(
            worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
        )
        self.version = str(self.about()["version"])

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate()

    def about(self) -> dict[str, Any]:
        """Versions and the peak memory so far."""
        return self._ask({"task": "about"})

    def negated(self, concepts: Sequence[Concept]) -> tuple[list[bool], float]:
        """Only a denial counts; doubt, history and hypothesis do not."""
        answer = self._ask({"task": "spans", "items": [(one.text, one.start, one.end) for one in concepts]})
        return [state == 0 for state in answer["states"]], answer["cpu_s"]

    def labels(self, texts: Sequence[str]) -> tuple[list[States], float]:
        """A peer knows no headings: it is given what stands under them."""
        answer = self._ask({"task": "reports", "texts": [without_headings(text) for text in texts]})
        return answer["labels"], answer["cpu_s"]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise PluginError(f"{self.name} stopped before it answered", "its own message stands above; --make-environment builds it anew")
        answer: dict[str, Any] = json.loads(line)
        return answer


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment."""
    return ENVIRONMENTS / peer / "bin" / "python"


def make_environment(peer: str) -> None:
    """Create a peer's environment, or bring it to the versions that are written down.

    Raises:
        PluginError: a package cannot be had.
    """
    home = ENVIRONMENTS / peer
    pip = [str(python_of(peer)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", str(home)], [*pip, "-r", str(HERE / "environments" / f"{peer}.txt")]):
        if subprocess.run(command, check=False).returncode:
            raise PluginError(
                f"the environment of {peer} could not be made", f"see the message above and benchmarks/environments/{peer}.txt"
            )


def without_headings(text: str) -> str:
    """What stands in a report's sections, one below the other."""
    return "\n".join(text[section.start : section.end] for section in Report.of("", text).sections)


def _states(report: LabeledReport) -> States:
    numbers = ((label.finding, to_chexpert(label.state)) for label in report.labels)
    return {finding: int(number) for finding, number in numbers if number is not None}
