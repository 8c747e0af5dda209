"""Every setting of a run: frozen, validated, unknown keys refused. `HOME/settings.toml` and `--set section.key=value` fill it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.base import findings
from pipeline.base.errors import SettingsError

Profile = Literal["tiny", "full"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Collect(_Section):
    """Finding files and reading headers."""

    source: str = Field(default="dicom_folder", description="registered source that reads the export")
    max_header_mb: int = Field(default=64, ge=1, description="a header larger than this is refused, in MiB")
    date_shift_days: int = Field(default=365, ge=1, description="dates of one patient move together by up to this many days, back in time")


class Decode(_Section):
    """Pixels."""

    size_px: int = Field(
        default=512,
        ge=0,
        le=8192,
        description="longer side of the stored film, in pixels, at least 32; never enlarged; 0 is the original size",
    )
    intensity: Literal["as_displayed", "robust", "clahe", "hist_equalised"] = Field(
        default="as_displayed",
        description="grey scale: the header's VOI LUT or window; percentiles 0.5 to 99.5; these, then CLAHE; equalised as MIMIC-CXR-JPG",
    )
    window: str = Field(
        default="", description="explanation of the window or VOI LUT shown where a header has several; the first otherwise"
    )
    depth_bits: Literal[8, 16] = Field(default=8, description="bits of a stored grey level")
    codec: Literal["png", "jpeg"] = Field(default="png", description="how films are stored; jpeg is lossy and has 8 bits")
    jpeg_quality: int = Field(default=95, ge=1, le=100, description="quality of codec jpeg; 95 as MIMIC-CXR-JPG")
    reduced_resolution: bool = Field(
        default=True, description="JPEG 2000 is decoded no larger than twice size_px: three times as fast, 0.2 grey levels apart"
    )
    shards: int = Field(default=8, ge=1, le=512, description="partitions of the films; changing it decodes everything again")
    batch: int = Field(default=256, ge=1, description="films to a Parquet file")
    workers: int = Field(default=2, ge=1, description="decoding processes")
    timeout_s: float = Field(default=60.0, gt=0, description="seconds one file may take")
    memory_mb: int = Field(default=4096, ge=512, description="address space one decoding process may take beyond its start, in MiB")
    max_megapixels: float = Field(default=100.0, gt=0, description="a film that declares more is refused undecoded")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if 0 < self.size_px < 32:
            raise ValueError("size_px is 0 or at least 32")
        if self.codec == "jpeg" and self.depth_bits == 16:
            raise ValueError("codec jpeg has 8 bits: set depth_bits to 8 or codec to png")
        return self


class Exclude(_Section):
    """What leaves the set."""

    modalities: tuple[str, ...] = Field(
        default=("CR", "DX", "RG", "DR"), description="Modality values that are projection radiographs; DR is no term of DICOM, and common"
    )
    body_parts: tuple[str, ...] = Field(
        default=("CHEST", "THORAX", "TORAX", "LUNG", "LUNGS"), description="words of BodyPartExamined that mean a chest"
    )
    lateral_views: tuple[str, ...] = Field(
        default=("LL", "RL", "LATERAL", "LAT", "LLAT", "RLAT", "LLD", "RLD"), description="words of ViewPosition that leave the set"
    )
    min_age_years: int = Field(default=18, ge=0, description="younger patients are flagged by the rule `paediatric`")
    blank_std: float = Field(default=2.0, ge=0, description="a film whose grey values spread less than this (of 255) is blank")
    exclude_flags: tuple[str, ...] = Field(default=(), description="flag reasons that exclude instead, such as paediatric")


class Group(_Section):
    """Which films no split may part."""

    min_likeness: float = Field(default=0.7, gt=0, le=1, description="likeness of two thumbnails that makes a candidate pair of duplicates")
    min_correlation: float = Field(default=0.85, gt=0, le=1, description="correlation of the films' fine detail that confirms a pair")


class Label(_Section):
    """Labels."""

    labelers: tuple[str, ...] = Field(default=("rules",), description="registered report labelers to run")
    options: dict[str, dict[str, Any]] = Field(
        default={}, description="options of single labelers, as label.options.rules.preset; `cxr labelers` lists them"
    )
    findings: tuple[str, ...] = Field(default=findings.DATASET, description="findings of the dataset")
    implications: bool = Field(default=True, description="whether probabilities honour what findings imply of each other")
    policy: str = Field(default="u_ignore", description="what UNCERTAIN becomes in training (CheXpert, section 3)")
    policies: dict[str, str] = Field(
        default={"Atelectasis": "u_ones", "Edema": "u_ones", "Cardiomegaly": "u_zeros", "Consolidation": "u_zeros"},
        description="policy for single findings",
    )
    unmentioned: Literal["negative", "ignore"] = Field(
        default="negative", description="what silence of a source that was read becomes in training"
    )


class Predict(_Section):
    """Out-of-fold opinions."""

    model: str = Field(default="auto", description="registered model; auto is mobilenet_v3_small on a CPU, densenet121 on a GPU")
    checkpoint: Path | None = Field(default=None, description="state_dict or safetensors file to start from; from scratch when absent")
    folds: int = Field(default=5, ge=2, le=20)
    epochs: int = Field(default=8, ge=1)
    size_px: int = Field(default=192, ge=32, description="side of the training image, in pixels")
    batch_size: int = Field(default=32, ge=2, description="films a step, at most; fewer where there are few films")
    learning_rate: float = Field(default=2e-3, gt=0)
    min_positives: int = Field(default=12, ge=2, description="findings with fewer positive films are not modelled")
    device: Literal["auto", "cpu", "cuda"] = "auto"


class Train(_Section):
    """How networks are trained, in `predict`, `validate` and `cxr train`; architecture, size, epochs and rate are under `predict`."""

    channels: Literal[1, 3] = Field(default=1, description="planes of a film as the network sees it; 3 repeats the grey one")
    loss: str = Field(default="weighted_bce", description="registered loss; `cxr plugins` lists them")
    losses: dict[str, str] = Field(default={}, description="losses of single findings, as train.losses.Edema=focal")
    schedule: Literal["one_cycle", "cosine"] = Field(
        default="one_cycle", description="learning rate over the steps; one_cycle from scratch, cosine for weights that know something"
    )
    sampler: Literal["film", "patient", "finding"] = Field(
        default="film", description="an epoch: every film; one film of every patient; rare findings more often"
    )
    precision: Literal["auto", "32", "bf16", "fp16"] = Field(
        default="auto", description="auto is bf16 where the device multiplies it itself, fp16 on older GPUs, 32 bits elsewhere"
    )
    accumulate: int = Field(default=1, ge=1, description="parts that a step is cut into when memory is short; the step stays the same")
    ema: float = Field(default=0.0, ge=0, lt=1, description="decay of the moving average of weights that is kept; 0 keeps the last ones")
    patience: int = Field(
        default=0, ge=0, description="stop after so many epochs without a better loss on films held out, and keep the best; 0 never"
    )
    calibration: Literal["platt", "temperature", "isotonic"] = Field(
        default="platt", description="logits to probabilities, fitted on patients held out inside each fold"
    )
    compile: bool = Field(default=False, description="let torch compile the network: pays on a GPU after the first minutes")
    processes: int = Field(default=1, ge=1, le=64, description="processes with one GPU each (DDP); on a CPU they share its cores")
    frozen: bool = Field(
        default=False, description="keep the trunk of predict.checkpoint as it is, compute its features once and fit heads alone: seconds"
    )


class Rank(_Section):
    """Probably wrong labels."""

    detectors: tuple[str, ...] = Field(
        default=(
            "posterior_disagreement",
            "annotator_conflict",
            "cleanlab_self_confidence",
            "contradicting_films",
            "contradicting_findings",
            "faint_wording",
            "report_against_film",
        ),
        description="registered issue detectors; the first gives the score and the order, the others add flags",
    )
    max_issue_share: float = Field(default=0.10, gt=0, le=1, description="at most this share of cells is flagged")


class Review(_Section):
    """What a reader's minutes are spent on. The seconds are assumptions; put your readers' own in their place."""

    seconds_per_film: float = Field(default=20.0, gt=0, description="to open a film and look at it")
    seconds_per_finding: float = Field(default=5.0, gt=0, description="to decide and enter one finding of an open film")
    quota: int = Field(default=0, ge=0, description="at least so many labels of every finding, the most suspicious ones")
    second_read_share: float = Field(
        default=0.05, ge=0, le=1, description="share of films that a second reader reads too, without knowing of the first"
    )
    stop_below_per_hour: float = Field(
        default=0.0, ge=0, description="leave time unspent where an hour is expected to find fewer wrong labels than this"
    )


class Split(_Section):
    """Train / validate / test."""

    validate_share: float = Field(default=0.10, ge=0, lt=1)
    test_share: float = Field(default=0.25, ge=0, lt=1)


class Validate(_Section):
    """Scores."""

    seeds: int = Field(
        default=3, ge=1, description="trainings for each of given and cleaned labels; intervals hold for other seeds only with several"
    )
    bootstrap: int = Field(default=1000, ge=100, description="patient-clustered resamples")
    epochs: int = Field(default=8, ge=1)


class Published(_Section):
    """A published model whose opinion of every kept film is asked in `predict` and heard in `rank`; `cxr models` lists them."""

    checkpoint: Path = Field(description="file or folder of its weights, as `cxr models` says")
    options: dict[str, Any] = Field(
        default={}, description="its options, as models.torchxrayvision.options.output; docs/models.md lists them"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where it runs; auto is a GPU where there is one")
    batch_size: int = Field(default=16, ge=1, description="films at a time")


class Settings(_Section):
    """All settings of a run. The same input and settings give byte-identical tables on one machine and library set."""

    profile: Profile = "full"
    seed: int = Field(default=0, ge=0)
    collect: Collect = Collect()
    decode: Decode = Decode()
    exclude: Exclude = Exclude()
    group: Group = Group()
    label: Label = Label()
    predict: Predict = Predict()
    train: Train = Train()
    models: dict[str, Published] = {}
    rank: Rank = Rank()
    review: Review = Review()
    split: Split = Split()
    validate_: Validate = Field(default=Validate(), alias="validate")


PROFILES: dict[str, dict[str, Any]] = {
    "full": {},
    "tiny": {
        "predict": {"folds": 3, "epochs": 8, "size_px": 96, "min_positives": 6},
        "validate": {"seeds": 1, "epochs": 8, "bootstrap": 500},
    },
}


def load(home: Path | None = None, profile: Profile | None = None, overrides: tuple[str, ...] = ()) -> Settings:
    """Settings from defaults, then the profile, then `HOME/settings.toml`, then overrides.

    Args:
        home: folder that may hold settings.toml.
        profile: wins over the profile named in the file.
        overrides: "section.key=value" items, values in TOML or bare text.

    Raises:
        SettingsError: an unknown key, a bad value, or an unreadable file.
    """
    merged: dict[str, Any] = {}
    path = home / "settings.toml" if home else None
    from_file: dict[str, Any] = {}
    if path and path.exists():
        try:
            from_file = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"settings.toml is not TOML: {error}", "mend or remove settings.toml in the home") from error
    chosen = profile or from_file.get("profile") or "full"
    if chosen not in PROFILES:
        raise SettingsError(f"no profile is called {chosen!r}", f"choose one of: {', '.join(PROFILES)}")
    _merge(merged, {"profile": chosen, **PROFILES[chosen]})
    _merge(merged, {key: value for key, value in from_file.items() if key != "profile"})
    for item in overrides:
        _merge(merged, _override(item))
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting {where}: {first['msg']}", "see docs/settings.md for every setting") from error


def _override(item: str) -> dict[str, Any]:
    key, equals, text = item.partition("=")
    if not equals or not key.strip():
        raise SettingsError(f"--set takes key=value, not {item!r}", "write for example --set decode.size_px=256")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    for part in reversed(key.strip().split(".")):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = json.loads(json.dumps(value)) if isinstance(value, dict) else value


def policy_of(settings: Settings, finding: str) -> str:
    """The uncertainty policy of one finding."""
    return settings.label.policies.get(finding, settings.label.policy)
