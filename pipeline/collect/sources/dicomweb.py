"""A DICOMweb service (PS3.18): QIDO-RS finds instances page by page, WADO-RS fetches them. `cxr run https://pacs/dicom-web?Modality=DX`.

Every instance that was read stays read: an instance never changes under its SOP Instance UID, so a second run fetches what is new.
A bearer token is taken from CXR_DICOMWEB_TOKEN, a user and password from ~/.netrc.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from typing import Any, BinaryIO, ClassVar, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pipeline.base.errors import ExportError
from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard

TOKEN_VARIABLE = "CXR_DICOMWEB_TOKEN"
_PAGE = 200
_TIMEOUT_S = 60
_TRIES = 5
_WAIT_S = 0.5
_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"
_AGAIN = tuple(HTTPStatus(code) for code in (408, 429, 500, 502, 503, 504))

T = TypeVar("T")


@SOURCES.add("dicomweb")
class DicomWeb:
    """Instances of a DICOMweb service as STUDY/SERIES/INSTANCE.dcm."""

    card: ClassVar[SourceCard] = SourceCard(
        "A DICOMweb service (QIDO-RS, WADO-RS)",
        "your own",
        "",
        "EXPORT is the service's URL; its query, as in ?Modality=DX&StudyDate=20190101-20191231, is the QIDO-RS query for series",
        ("Services hold no reports and no labels.",),
    )

    def files(self, export: str) -> Iterator[FoundFile]:
        """Every instance that the query finds, page by page.

        Raises:
            ExportError: the service does not answer, or not as QIDO-RS does.
        """
        query = dict(parse_qsl(urlsplit(export).query))
        for series in _pages(export, "search_for_series", search_filters=query):
            study_uid, series_uid = _uid(series, _STUDY), _uid(series, _SERIES)
            for instance in _pages(export, "search_for_instances", study_uid, series_uid):
                yield FoundFile(f"{study_uid}/{series_uid}/{_uid(instance, _INSTANCE)}.dcm", 0, "instance")

    def kind(self, export: str, found: FoundFile) -> str:
        """All is DICOM."""
        return "dicom"

    def open(self, export: str, relative: str) -> BinaryIO:
        """One instance as a file (PS3.10), in the transfer syntax it is stored in.

        Raises:
            OSError: the service does not give it.
        """
        study_uid, series_uid, instance = relative.split("/")
        try:
            dataset = _tried(
                lambda: _client(os.getpid(), export).retrieve_instance(
                    study_uid, series_uid, instance.removesuffix(".dcm"), media_types=(("application/dicom", "*"),)
                )
            )
            content = BytesIO()
            dataset.save_as(content, enforce_file_format=True)
        except Exception as error:  # whatever a service sends and the library makes of it
            raise OSError("an instance could not be fetched") from error
        content.seek(0)
        return content

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """Headers say it all."""
        return lambda found: None


def _pages(export: str, search: str, *uids: str, **options: Any) -> Iterator[dict[str, Any]]:
    offset = 0
    while True:
        at = offset

        def ask() -> list[dict[str, Any]]:
            return getattr(_client(os.getpid(), export), search)(*uids, limit=_PAGE, offset=at, **options) or []  # noqa: B023

        try:
            page = _tried(ask)
        except Exception as error:
            raise ExportError(
                f"the DICOMweb service does not answer a search ({type(error).__name__})",
                f"check the URL and its query; a token goes into {TOKEN_VARIABLE}. What was read is kept: run again to go on",
            ) from error
        yield from page
        if len(page) < _PAGE:
            return
        offset += len(page)


def _tried(work: Callable[[], T]) -> T:
    """Once more after a broken connection, waiting longer each time; answers that name a passing trouble the client repeats itself."""
    from requests import exceptions

    for attempt in range(_TRIES - 1):
        try:
            return work()
        except (exceptions.ConnectionError, exceptions.Timeout):
            time.sleep(_WAIT_S * 2**attempt)
    return work()


def _uid(found: dict[str, Any], tag: str) -> str:
    try:
        uid = str(found[tag]["Value"][0])
    except (KeyError, IndexError, TypeError) as error:
        raise ExportError("the DICOMweb service left out a UID", "ask its makers for QIDO-RS as in PS3.18 section 10.6") from error
    if not all(part.isdigit() for part in uid.split(".")):
        raise ExportError("the DICOMweb service sent a UID that is none", "ask its makers for QIDO-RS as in PS3.18 section 10.6")
    return uid


@lru_cache(4)
def _client(_process: int, export: str) -> Any:
    from dicomweb_client import DICOMwebClient

    parts = urlsplit(export)
    token = os.environ.get(TOKEN_VARIABLE)
    client = DICOMwebClient(
        f"{parts.scheme}://{parts.netloc}{parts.path}",
        headers={"Authorization": f"Bearer {token}"} if token else None,
        timeout=_TIMEOUT_S,
    )
    client.set_http_retry_params(True, _TRIES, int(_WAIT_S * 1000), _AGAIN)
    return client
