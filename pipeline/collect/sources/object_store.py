"""An export in an object store: s3://bucket/prefix, gs://, az://, or http(s):// of a store that lists.

Credentials and endpoint are the store's usual environment variables (AWS_ACCESS_KEY_ID, AWS_ENDPOINT, AWS_REGION, ...); none of it is kept.
Library: obstore, one wheel that streams listings and ranges; s3fs would bring aiobotocore and its pinned versions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from typing import Any, BinaryIO, ClassVar

from pipeline.base.errors import ExportError
from pipeline.base.interfaces import SOURCES, FoundFile, SourceCard
from pipeline.collect.sources.dicom_folder import DicomFolder

_PAGE = 1_000
_HEAD = 132


@SOURCES.add("object_store")
class ObjectStore(DicomFolder):
    """Objects below a URL, as in any folder; archives among them are not opened."""

    card: ClassVar[SourceCard] = SourceCard(
        "An object store (S3, Google Cloud Storage, Azure)",
        "your own",
        "",
        "any, below a URL such as s3://bucket/prefix",
        ("Archives in a store are not opened; copy them to a disk.",),
    )

    def files(self, export: str) -> Iterator[FoundFile]:
        """Every object, in the store's order, page by page.

        Raises:
            ExportError: the store cannot be reached or refuses.
        """
        from obstore.exceptions import BaseError

        try:
            for page in _store(os.getpid(), export).list(chunk_size=_PAGE):
                for found in page:
                    stamp = f"{found['e_tag'] or ''}:{found['last_modified'].isoformat()}"
                    yield FoundFile(found["path"], found["size"], stamp)
        except (BaseError, ValueError) as error:
            raise ExportError(
                f"the object store cannot be listed ({type(error).__name__})",
                "check the URL and the store's environment variables (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT, ...)",
            ) from error

    def kind(self, export: str, found: FoundFile) -> str:
        """As in a folder; an archive is a file like any other."""
        kind = super().kind(export, found)
        return "other" if kind == "archive" else kind

    def open(self, export: str, relative: str) -> BinaryIO:
        """The bytes of an object; transport errors are tried again by the library.

        Raises:
            OSError: it is gone or cannot be fetched.
        """
        from obstore.exceptions import BaseError

        try:
            return BytesIO(bytes(_store(os.getpid(), export).get(relative).bytes()))
        except BaseError as error:
            raise OSError("an object could not be fetched") from error

    def _head(self, export: str, relative: str) -> bytes:
        from obstore.exceptions import BaseError

        try:
            return bytes(_store(os.getpid(), export).get_range(relative, start=0, length=_HEAD))
        except BaseError:
            return b""


@lru_cache(4)
def _store(_process: int, export: str) -> Any:
    from obstore.store import from_url

    plain = os.environ.get("AWS_ENDPOINT", "").startswith("http://")
    options: dict[str, Any] = {"client_options": {"allow_http": True}} if plain else {}
    return from_url(export, **options)
