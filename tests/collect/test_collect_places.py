"""Where films come from: archives, an S3 server, Orthanc over DICOMweb, a C-STORE sender. What is known is not fetched again."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from dicoms import gradient, make_dicom

from pipeline.base import settings, stages
from pipeline.base.errors import ExportError
from pipeline.base.interfaces import SOURCES
from pipeline.base.storage import Home
from pipeline.collect.receive import start
from pipeline.collect.sources import _members, dicomweb

ORTHANC, PLUGIN = shutil.which("Orthanc"), Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def run(home: Home, export: str | Path, source: str = "dicom_folder", names: tuple[str, ...] = ("collect", "decode", "exclude")) -> Home:
    chosen = settings.load(overrides=("decode.workers=1", "decode.shards=1", f"collect.source={source}"))
    for name in names:
        stages.execute(name, home, chosen, export)
    return home


def films(folder: Path, n: int = 3) -> list[Path]:
    return [make_dicom(folder / f"P{i}/f{i}.dcm", gradient(32 + i, 40), PatientID=f"MRN{i}000001") for i in range(n)]


def reasons(home: Home) -> dict[str, str]:
    rows = home.read("private_files").to_pylist()
    return {row["path"]: row["reason"] or row["disposition"] for row in rows}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_films_in_archives_are_those_of_the_folder(kind: str, home: Home, tmp_path: Path) -> None:
    films(tmp_path / "plain")
    (tmp_path / "packed").mkdir()
    base, form = str(tmp_path / "packed" / "batch"), {"zip": "zip", "tar": "tar", "tar.gz": "gztar"}[kind]
    shutil.make_archive(base, form, tmp_path / "plain")
    run(home, tmp_path / "packed")
    plain = run(Home(tmp_path / "other").create(), tmp_path / "plain")
    assert sorted(row["pixels"] for row in home.read("images").to_pylist()) == sorted(
        row["pixels"] for row in plain.read("images").to_pylist()
    )
    assert reasons(home)[f"batch.{kind}"] == "archive"
    assert reasons(home)[f"batch.{kind}/P0/f0.dcm" if kind == "zip" else f"batch.{kind}/./P0/f0.dcm"] == "image"


def test_members_that_would_leave_their_archive_or_explode_are_exclusions(home: Home, tmp_path: Path) -> None:
    (good,) = films(tmp_path / "made", 1)
    export = tmp_path / "export"
    export.mkdir()
    with zipfile.ZipFile(export / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(good, "good.dcm")
        archive.write(good, "../up.dcm")
        archive.writestr(zipfile.ZipInfo("/root.dcm"), good.read_bytes())
        archive.writestr("bomb.dcm", bytes(100 * 2**20))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.write(good, "good.dcm")
    with tarfile.open(export / "b.tar", "w") as tar:
        tar.add(good, "fine.dcm")
        for name, kind in (("soft.dcm", tarfile.SYMTYPE), ("hard.dcm", tarfile.LNKTYPE), ("pipe", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    (export / "c.zip").write_bytes(b"PK\x03\x04 not really")
    (export / "d.tar").write_bytes((export / "b.tar").read_bytes()[:700])
    (export / "e.tar.xz").write_bytes(b"x")
    (export / "round").symlink_to(export)
    assert reasons(run(home, export)) == {
        "a.zip": "archive",
        "a.zip/good.dcm": "image",
        "a.zip/../up.dcm": "unsafe_member",
        "a.zip//root.dcm": "unsafe_member",
        "a.zip/bomb.dcm": "archive_bomb",
        "a.zip/good.dcm~": "repeated_member",
        "b.tar": "archive",
        "b.tar/fine.dcm": "resent_instance",
        "b.tar/soft.dcm": "unsafe_member",
        "b.tar/hard.dcm": "unsafe_member",
        "b.tar/pipe": "unsafe_member",
        "c.zip": "damaged_archive",
        "d.tar": "damaged_archive",
        "e.tar.xz": "compressed_archive",
        "round": "link",
    }


def test_labels_and_reports_in_an_archive_are_read(home: Home, tmp_path: Path) -> None:
    (film,) = films(tmp_path, 1)
    (tmp_path / "export").mkdir()
    with zipfile.ZipFile(tmp_path / "export" / "all.zip", "w") as archive:
        archive.write(film, "x/f0.dcm")
        archive.writestr("reports/f0.txt", "FINDINGS: No effusion.")
        archive.writestr("labels.csv", "AccessionNumber,Edema,Fracture\nf0,1,0\n")
    run(home, tmp_path / "export", names=("collect",))
    assert home.read("reports")["text"].to_pylist() == ["FINDINGS: No effusion."]
    assert home.read("published_labels").num_rows == 2
    assert not (home.private / "unpacked").exists()


def test_what_has_not_changed_is_not_opened_again(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, source, opened = films(tmp_path / "export", 4), SOURCES.get("dicom_folder"), list[str]()
    true_open = type(source).open

    def counted(self: object, export: str, relative: str) -> object:
        opened.append(relative)
        return true_open(source, export, relative)

    monkeypatch.setattr(type(source), "open", counted)
    run(home, tmp_path / "export", names=("collect",))
    first, before = len(opened), {path: path.read_bytes() for path in home.tables.glob("*.parquet")}
    opened.clear()
    run(home, tmp_path / "export", names=("collect",))
    assert (first, opened) == (4, [])
    assert {path: path.read_bytes() for path in home.tables.glob("*.parquet")} == before
    made[0].unlink()
    films(tmp_path / "export" / "new", 1)
    run(home, tmp_path / "export", names=("collect",))
    assert opened == ["new/P0/f0.dcm"]
    assert home.read("instances").num_rows == 4


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server on this machine, with an empty bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}"
    for name, value in (("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s"), ("REGION", "us-east-1"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT", endpoint)
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="films")
    yield endpoint
    server.stop()


def test_an_object_store_is_an_export_like_any_other(s3: str, home: Home, tmp_path: Path) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=s3)
    for path in films(tmp_path / "plain", 2):
        client.upload_file(str(path), "films", f"north/{path.parent.name}/{path.stem}")  # no suffix: known by its magic
    client.put_object(Bucket="films", Key="north/f0.txt", Body=b"FINDINGS: Clear.")
    client.put_object(Bucket="films", Key="south/other.txt", Body=b"not ours")
    run(home, "s3://films/north", "object_store")
    assert reasons(home) == {"P0/f0": "image", "P1/f1": "image", "f0.txt": "report"}
    before = home.table_digest("files")
    client.put_object(Bucket="films", Key="north/f0.txt", Body=b"FINDINGS: Foggy")
    run(home, "s3://films/north", "object_store", ("collect",))
    assert home.table_digest("files") != before
    assert home.read("reports")["text"].to_pylist() == ["FINDINGS: Foggy"]
    with pytest.raises(ExportError, match="cannot be listed"):
        run(home, "s3://no-such-bucket/north", "object_store", ("collect",))
    assert home.read("reports").num_rows == 1
    with pytest.raises(ExportError, match="is a URL"):
        run(home, "s3://films/north")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[str]:
    """Orthanc with its DICOMweb plug-in, empty."""
    if not (ORTHANC and PLUGIN.exists()):
        pytest.skip("no Orthanc with DICOMweb here (Debian: orthanc orthanc-dicomweb)")
    port, folder = free_port(), tmp_path / "orthanc"
    folder.mkdir()
    config = {
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    with subprocess.Popen([ORTHANC, str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/system", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def upload(orthanc: str, path: Path) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{orthanc}/instances", path.read_bytes(), method="POST"), timeout=30).close()


def test_a_dicomweb_service_is_paged_resumed_and_asked(orthanc: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = films(tmp_path / "plain", 5)
    for path in made:
        upload(orthanc, path)
    upload(orthanc, make_dicom(tmp_path / "ct.dcm", gradient(20, 20), Modality="CT"))
    monkeypatch.setattr(dicomweb, "_PAGE", 2)
    source, fetched = SOURCES.get("dicomweb"), list[str]()
    true_open = type(source).open

    def broken_after_two(self: object, export: str, relative: str) -> object:
        if len(fetched) == 2:
            raise KeyboardInterrupt
        fetched.append(relative)
        return true_open(source, export, relative)

    monkeypatch.setattr(type(source), "open", broken_after_two)
    url = f"{orthanc}/dicom-web?Modality=DX"
    with pytest.raises(KeyboardInterrupt):
        run(home, url, "dicomweb", ("collect",))
    monkeypatch.setattr(
        type(source), "open", lambda self, export, relative: fetched.append(relative) or true_open(source, export, relative)
    )
    run(home, url, "dicomweb", ("collect",))
    assert len(fetched) == len(set(fetched)) == 5
    monkeypatch.setattr(type(source), "open", true_open)
    run(home, url, "dicomweb", ("decode", "exclude"))
    assert set(reasons(home).values()) == {"image"}
    uids = {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in made}
    assert {path.rpartition("/")[2].removesuffix(".dcm") for path in reasons(home)} == uids


def test_a_service_that_stumbles_is_asked_again_and_one_that_is_gone_is_an_error(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from requests.exceptions import Timeout

    answers = iter([Timeout(), Timeout(), "films"])

    def stumble() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(dicomweb, "_WAIT_S", 0.001)
    assert dicomweb._tried(stumble) == "films"
    with pytest.raises(ExportError, match="does not answer"):
        run(home, f"http://127.0.0.1:{free_port()}/dicom-web", "dicomweb", ("collect",))


def test_what_a_sender_stores_is_in_the_inbox_once_under_a_name_that_tells_nothing(home: Home, tmp_path: Path) -> None:
    from pynetdicom import AE

    made, inbox = films(tmp_path / "plain", 3), tmp_path / "inbox"
    server = start(inbox, 0, "CXR")
    try:
        sender = AE()
        for path in made:
            dataset = pydicom.dcmread(path)
            sender.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
        link = sender.associate("127.0.0.1", server.server_address[1], ae_title="CXR")
        assert link.is_established
        assert [link.send_c_store(pydicom.dcmread(path)).Status for path in [*made, made[0]]] == [0, 0, 0, 0]
        link.release()
        assert not sender.associate("127.0.0.1", server.server_address[1], ae_title="OTHER").is_established
        stored = sorted(inbox.rglob("*.dcm"))
        assert {pydicom.dcmread(path).PatientID for path in stored} == {f"MRN{i}000001" for i in range(3)}
        assert len(stored) == 3
        assert not any("MRN" in str(path.relative_to(inbox)) for path in stored)
        shutil.rmtree(tmp_path / ".inbox.arriving")  # a disk that cannot be written
        link = sender.associate("127.0.0.1", server.server_address[1], ae_title="CXR")
        changed = pydicom.dcmread(made[1])
        changed.PatientComments = "new bytes"
        assert link.send_c_store(changed).Status == 0xA700
        link.release()
    finally:
        server.shutdown()
    run(home, inbox)
    assert set(reasons(home).values()) == {"image"}


def test_a_member_is_reached_from_any_place_of_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.zip").mkdir()  # a folder that is called like an archive
    with zipfile.ZipFile(tmp_path / "a.zip" / "b.zip", "w") as archive:
        archive.writestr("c/d.txt", "x")
    found = _members.split(str(tmp_path), "a.zip/b.zip/c/d.txt")
    assert found == (tmp_path / "a.zip" / "b.zip", "c/d.txt")
    assert isinstance(_members.open_member(*found), io.BytesIO)
    assert _members.split(str(tmp_path), "a.zip/b.zip") is None
