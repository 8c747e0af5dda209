"""When and how `predict` runs: out-of-fold opinions of a model; shares the GPU pool. What it does is in `pipeline/predict`."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from assets._checks import stage_checks
from assets._io import GPU_POOL, first, materialise, specs
from assets._resources import Curator


@multi_asset(specs=specs("predict", "pytorch"), op_tags=first("predict"), can_subset=False, pool=GPU_POOL)
def predict(context: AssetExecutionContext, curator: ResourceParam[Curator]) -> Iterator[MaterializeResult[Any]]:
    """Train by patient-grouped folds and judge each film by a model that never saw its patient."""
    yield from materialise(context, curator, "predict")


predict_checks = stage_checks("predict")
