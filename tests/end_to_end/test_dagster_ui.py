"""`make ui`, as a user meets it: the services come up, a job started there ends well, and its assets show in a browser."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.base import stages
from pipeline.definitions import STORAGE_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
JOB, UNTIL = "labels_only", "label"
TABLES = [table for stage in stages.upto(UNTIL) for table in stage.writes]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1800,1300"),
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@dataclass(frozen=True)
class Served:
    """A running UI, its folder, and the home it works on."""

    url: str
    folder: Path
    home: Path

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Data of a GraphQL answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        assert "errors" not in found, found
        data: dict[str, Any] = found["data"]
        return data

    def location(self) -> str | None:
        """Name of the code location, once it has loaded.

        The web server answers a little before the code location does.
        """
        try:
            found = self.ask("{workspaceOrError{... on Workspace{locationEntries{name loadStatus}}}}")
        except OSError:
            return None
        entries = found["workspaceOrError"]["locationEntries"]
        return entries[0]["name"] if entries and entries[0]["loadStatus"] == "LOADED" else None


def _until(what: Callable[[], Any], seconds: float, said: str) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{said} did not happen within {seconds:.0f} s")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    # To the parent alone, which ends its children; what is left of the group after that is killed.
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    from pipeline.sample import make

    folder = tmp_path_factory.mktemp("ui")
    make(folder / "sample", 12, 0)
    (folder / "dagster").mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder / "dagster")
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder / "dagster"),
        STORAGE_VARIABLE: str(folder / "dagster" / ".dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "CXR_EXPORT": str(folder / "sample" / "export"),
        "CXR_HOME": str(folder / "home"),
    }
    port = _free_port()
    command = [sys.executable, "-m", "dagster", "dev", "-m", "pipeline.definitions", "-h", "127.0.0.1", "-p", str(port)]
    with (folder / "dagster.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            found = Served(f"http://127.0.0.1:{port}", folder, folder / "home")
            _until(lambda: found.location() or process.poll() is not None, 120, "loading the code location")
            assert process.poll() is None, (folder / "dagster.log").read_text()[-3000:]
            yield found
        finally:
            _stop(process)


@pytest.fixture(scope="module")
def finished(served: Served) -> str:
    """Run id of a job launched as the UI launches it, with no configuration, and waited for."""
    selector = {"repositoryLocationName": served.location(), "repositoryName": "__repository__", "jobName": JOB}
    launch = "mutation($p: ExecutionParams!){launchRun(executionParams: $p){... on LaunchRunSuccess{run{runId}} ... on Error{message}}}"
    answer = served.ask(launch, p={"selector": selector, "runConfigData": {}})["launchRun"]
    assert "run" in answer, answer
    run_id = str(answer["run"]["runId"])
    status = "query($r: ID!){runOrError(runId: $r){... on Run{status}}}"
    ended = ("SUCCESS", "FAILURE", "CANCELED")
    found = _until(
        lambda: next((s for s in ended if s == served.ask(status, r=run_id)["runOrError"]["status"]), None), 300, f"the end of {JOB}"
    )
    assert found == "SUCCESS", (served.folder / "dagster.log").read_text()[-3000:]
    return run_id


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not (CHROMIUM and shutil.which("chromedriver")):
        pytest.skip("Chromium and chromedriver are not installed: make system")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def test_a_job_started_in_the_ui_makes_its_tables(served: Served, finished: str) -> None:
    query = "query($r: ID!){runOrError(runId: $r){... on Run{assetMaterializations{assetKey{path} partition}}}}"
    made = served.ask(query, r=finished)["runOrError"]["assetMaterializations"]
    assert {event["assetKey"]["path"][0] for event in made if event["partition"] is None} == set(TABLES)
    assert {event["partition"] for event in made if event["assetKey"]["path"] == ["shards"]} == {f"shard-{n:03d}" for n in range(8)}
    assert (served.home / "tables" / "labels.parquet").is_file()


def test_checks_are_shown_as_passed(served: Served, finished: str) -> None:
    query = """query($k: AssetKeyInput!){assetNodeOrError(assetKey: $k){... on AssetNode{
        assetChecksOrError{... on AssetChecks{checks{name blocking executionForLatestMaterialization{status}}}}}}}"""
    for table in TABLES:
        checks = served.ask(query, k={"path": [table]})["assetNodeOrError"]["assetChecksOrError"]["checks"]
        states = {check["name"]: check["executionForLatestMaterialization"]["status"] for check in checks if check["blocking"]}
        assert states == {"contract": "SUCCEEDED"}, table


def test_nothing_is_written_beside_the_storage(served: Served, finished: str) -> None:
    assert {path.name for path in (served.folder / "dagster").iterdir()} == {"dagster.yaml", ".dagster"}


def test_the_asset_graph_shows_every_stage_and_table(served: Served, finished: str, browser: Any) -> None:
    def shows(path: str, *words: str) -> None:
        browser.get(f"{served.url}{path}")
        _until(lambda: all(word in browser.find_element("tag name", "body").text for word in words), 60, f"showing {words} on {path}")

    shows("/asset-groups", *stages.NAMES)
    browser.save_screenshot(str(served.folder / "graph.png"))
    for stage in stages.upto(UNTIL):
        shows(f"/locations/__repository__@{served.location()}/asset-groups/{stage.name}/list", *stage.writes, "Materialized")
    shows("/assets/labels", "The reconciled label of every kept film", "given_annotator")
    browser.save_screenshot(str(served.folder / "labels.png"))
