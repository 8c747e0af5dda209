"""Croissant 1.0 metadata (https://docs.mlcommons.org/croissant/docs/croissant-spec.html): files, tables, columns, for dataset tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.base.tables import BY_NAME, VIEWS

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes",
            "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated", "replace",
            "samplingRate", "separator", "source", "subField", "transform",
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
}  # fmt: skip
_CURATED_KEY = ("image_id", "finding")


def metadata(files: Mapping[str, tuple[str, int]], schemas: Mapping[str, pa.Schema], release_id: str) -> dict[str, Any]:
    """The JSON-LD document.

    Args:
        files: table name -> (SHA-256, bytes) of `tables/<name>.parquet`.
        schemas: table name -> columns.
        release_id: becomes the build part of the version (semver, clause 10).
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "curated-chest-radiographs",
        "description": "Chest radiographs: given and reconciled labels in four states, probable label errors, verdicts, splits, scores.",
        "version": f"1.0.0+{release_id}",
        "license": "Set by the owner of the films; this release grants none.",
        "url": "README.md",
        "isLiveDataset": False,
        "rai:dataBiases": "Most labels come from reports: they say what was reported, not all that can be seen. See README.md.",
        "rai:personalSensitiveInformation": "De-identified patient data; README.md lists the measures.",
        "distribution": [_file(name, *files[name]) for name in sorted(files)],
        "recordSet": [_records(name, schemas[name]) for name in sorted(files)],
    }


def _file(name: str, sha256: str, size_bytes: int) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{name}.parquet",
        "name": f"{name}.parquet",
        "contentUrl": f"tables/{name}.parquet",
        "contentSize": f"{size_bytes} B",
        "encodingFormat": "application/x-parquet",
        "sha256": sha256,
    }


def _records(name: str, schema: pa.Schema) -> dict[str, Any]:
    key = BY_NAME[name].key if name in BY_NAME else _CURATED_KEY
    doc = BY_NAME[name].doc if name in BY_NAME else VIEWS[name][0]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": doc,
        "key": [{"@id": f"{name}/{column}"} for column in key],
        "field": [_field(name, field) for field in schema],
    }


def _field(table: str, field: pa.Field) -> dict[str, Any]:
    is_list = pa.types.is_list(field.type)
    doc = (field.metadata or {}).get(b"doc", b"").decode()
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{field.name}",
        "name": field.name,
        **({"description": doc} if doc else {}),
        "dataType": data_type(field.type.value_type if is_list else field.type),
        **({"repeated": True} if is_list else {}),
        "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": field.name}},
    }


def data_type(kind: pa.DataType) -> str:
    """Croissant's name of an Arrow type."""
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Date" if pa.types.is_date(kind) else "sc:Text"
