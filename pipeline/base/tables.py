"""Every table, declared once: schema, key, foreign keys, one sentence a column.

From here come the writer's check, the Dagster asset checks, the DuckDB views with their comments, and docs/tables.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipeline.base.errors import TableError
from pipeline.base.findings import NAMES
from pipeline.base.labels import STATES

STRING, INT, FLOAT, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
STATE_VALUES = tuple(str(state) for state in STATES)
ACTIONS = ("exclude", "duplicate", "skip", "flag")
SPLITS = ("train", "validate", "test")
SCORE_KINDS = ("probability", "logit", "cosine", "op_normalised", "yes_no")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `values`, where given, lists all it may hold."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        key: columns that name a row; the table is stored sorted by them.
        foreign: column -> "table.column" that must hold every non-null value.
        sharded: True for a folder of Parquet, one sub-folder a shard.
        private: True where the table lies in HOME/private and is never published.
    """

    name: str
    stage: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    foreign: tuple[tuple[str, str], ...] = ()
    sharded: bool = False
    private: bool = False

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, column sentences as field metadata."""
        return pa.schema([pa.field(column.name, column.type, column.nullable, metadata={"doc": column.doc}) for column in self.columns])

    @property
    def types(self) -> pa.Schema:
        """Names and types alone, to make rows of."""
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)


def _c(name: str, type_: pa.DataType, doc: str, *, null: bool = False, values: tuple[str, ...] = ()) -> Column:
    return Column(name, type_, doc, null, values)


_IMAGE = _c("image_id", STRING, "Film: keyed pseudonym of its SOP Instance UID.")
_FILE = _c("file_id", STRING, "File: keyed pseudonym of its path below the export.")
_FINDING = _c("finding", STRING, "Finding, in the spelling of pipeline/base/findings.py.", values=NAMES)
_SHARD = _c("shard", pa.int16(), "Partition of the films, by keyed hash of the patient.")
_MODEL = _c("model", STRING, "Registered model.")
_FOLD = _c("fold", pa.int16(), "Fold the film was held out in.")
_SUBGROUP_VALUE = _c("subgroup_value", STRING, "Value of the subgroup; all for everybody.")
_N_POSITIVE = _c("n_positive", INT, "Positive films scored; against a posterior the number expected.")
_N_NEGATIVE = _c("n_negative", INT, "Negative films scored, likewise.")
_METRIC = _c(
    "metric",
    STRING,
    "Score; mcc, f1, sensitivity and specificity call a film positive at a probability of 0.5.",
    values=(
        "auroc",
        "auprc",
        "sensitivity_at_90_specificity",
        "specificity_at_90_sensitivity",
        "brier",
        "ece",
        "mcc",
        "f1",
        "sensitivity",
        "specificity",
    ),
)
_TRUTH = _c("truth", STRING, "What was scored against.", values=("verdicts", "readers", "posterior", "mixed"))
_SCORE_KIND = _c("score_kind", STRING, "What the score is; scores of different kinds are never compared.", values=SCORE_KINDS)

TABLES: tuple[Table, ...] = (
    Table(
        "files",
        "collect",
        "Every file of the export, one row each.",
        ("file_id",),
        (
            _FILE,
            _c(
                "file_kind",
                STRING,
                "What the file turned out to be.",
                values=("dicom", "picture", "report", "published_labels", "archive", "other"),
            ),
            _c("size_bytes", INT, "Size of the file."),
            _c("content_digest", STRING, "Keyed digest of the file's bytes: equal files have equal digests."),
            _c("read_error", STRING, "Reason code when a file that should be DICOM could not be read, else null.", null=True),
            _c("image_id", STRING, "The film it holds, when a header could be read.", null=True),
            _c("report_id", STRING, "The report it holds.", null=True),
        ),
    ),
    Table(
        "instances",
        "collect",
        "Allow-listed header fields of every readable DICOM file.",
        ("file_id",),
        (
            _FILE,
            _IMAGE,
            _c("series_id", STRING, "Keyed pseudonym of the Series Instance UID.", null=True),
            _c("study_id", STRING, "Keyed pseudonym of the Study Instance UID.", null=True),
            _c("patient_id", STRING, "Keyed pseudonym of the Patient ID; null when the header has none.", null=True),
            _c("accession_id", STRING, "Keyed pseudonym of the Accession Number.", null=True),
            _SHARD,
            _c("sop_class_uid", STRING, "SOPClassUID.", null=True),
            _c("transfer_syntax_uid", STRING, "TransferSyntaxUID.", null=True),
            _c("modality", STRING, "Modality.", null=True),
            _c("body_part_examined", STRING, "BodyPartExamined.", null=True),
            _c("view_position", STRING, "ViewPosition.", null=True),
            _c("patient_sex", STRING, "PatientSex: M, F or O.", null=True),
            _c("patient_age_years", pa.int16(), "Age at the study in whole years; everybody over 89 is 90.", null=True),
            _c("study_date", pa.date32(), "StudyDate, shifted by one secret number of days for each patient.", null=True),
            _c("manufacturer", STRING, "Manufacturer.", null=True),
            _c("site", STRING, "Institution: keyed pseudonym of its name; null where neither header nor archive name one.", null=True),
            _c("burned_in_annotation", STRING, "BurnedInAnnotation: YES where the pixels hold identifying text.", null=True),
            _c("photometric_interpretation", STRING, "PhotometricInterpretation.", null=True),
            _c("rows", INT, "Rows, in pixels.", null=True),
            _c("columns", INT, "Columns, in pixels.", null=True),
            _c("bits_allocated", INT, "BitsAllocated.", null=True),
            _c("bits_stored", INT, "BitsStored.", null=True),
            _c("pixel_representation", INT, "PixelRepresentation: 0 unsigned, 1 signed.", null=True),
            _c("samples_per_pixel", INT, "SamplesPerPixel.", null=True),
            _c("number_of_frames", INT, "NumberOfFrames; 1 when absent."),
            _c("has_pixel_data", BOOL, "Whether the file declares Pixel Data."),
        ),
        (("file_id", "files.file_id"),),
    ),
    Table(
        "reports",
        "collect",
        "Radiology reports, de-identified; offsets of mentions point into `text`.",
        ("report_id",),
        (
            _c("report_id", STRING, "Report: keyed pseudonym of its accession number."),
            _c("accession_id", STRING, "Keyed pseudonym of the Accession Number it is filed under.", null=True),
            _c("study_id", STRING, "The study it belongs to; null for a report without a film.", null=True),
            _c("text", STRING, "The report without letterhead and identifiers; may be empty."),
            _c(
                "sections",
                pa.list_(pa.struct([("name", STRING), ("start", pa.int32()), ("end", pa.int32())])),
                "Sections as offsets into `text`; `body` is text under no heading.",
            ),
            _c("findings", STRING, "Text of the findings section, null when there is none.", null=True),
            _c("impression", STRING, "Text of the impression section, null when there is none.", null=True),
            _c("n_redactions", pa.int32(), "Identifiers and dates removed from the text."),
        ),
    ),
    Table(
        "published_labels",
        "collect",
        "Labels that came with the source, without loss: one row an item and finding the source covers.",
        ("image_id", "finding", "annotator"),
        (
            _IMAGE,
            _FINDING,
            _c("annotator", STRING, "Who said so, for example published:nih."),
            _c("state", STRING, "What was said; UNMENTIONED where the source was silent.", values=STATE_VALUES),
        ),
    ),
    Table(
        "deidentification",
        "collect",
        "How identities were removed: the profile of DICOM PS3.15 Annex E and every option of CID 7050.",
        ("code",),
        (
            _c("code", STRING, "Code of the profile or option."),
            _c("coding_scheme", STRING, "Coding Scheme Designator."),
            _c("meaning", STRING, "Code Meaning."),
            _c("is_taken", BOOL, "Whether it was applied."),
            _c("how", STRING, "How, or why not."),
        ),
    ),
    Table(
        "decodings",
        "decode",
        "What became of the pixels of each candidate file.",
        ("file_id",),
        (
            _FILE,
            _IMAGE,
            _SHARD,
            _c(
                "outcome",
                STRING,
                "decoded: this file is the film; resent: same pixels again; conflicting: other pixels; failed: see reason.",
                values=("decoded", "resent", "conflicting", "failed"),
            ),
            _c("reason", STRING, "Reason code of a failure.", null=True),
            _c("pixel_digest", STRING, "Keyed digest of the decoded source pixels.", null=True),
            _c("content_digest", STRING, "Keyed digest of the file that was decoded."),
            _c("decode_fingerprint", STRING, "Settings and decoder version the pixels were made with."),
        ),
        (("file_id", "files.file_id"),),
        sharded=True,
    ),
    Table(
        "images",
        "decode",
        "One row a film: pixels as a greyscale picture, dark air and bright bone whatever the header's polarity.",
        ("image_id",),
        (
            _IMAGE,
            _FILE,
            _SHARD,
            _c("pixels", pa.binary(), "PNG or JPEG, greyscale."),
            _c("codec", STRING, "How pixels are stored.", values=("png", "jpeg")),
            _c("depth_bits", pa.int32(), "Bits of a grey level, 8 or 16."),
            _c("width_px", pa.int32(), "Width of the stored film."),
            _c("height_px", pa.int32(), "Height of the stored film."),
            _c("source_width_px", pa.int32(), "Columns before the resize."),
            _c("source_height_px", pa.int32(), "Rows before the resize."),
            _c("pixel_spacing_mm", FLOAT, "Millimetres between rows of the stored film, null when the header has none.", null=True),
            _c("intensity", STRING, "Grey scale chosen.", values=("as_displayed", "robust", "clahe", "hist_equalised")),
            _c("range_from", STRING, "What gave its range.", values=("voi_lut", "window", "full_range", "percentiles")),
            _c("halvings", pa.int32(), "How often JPEG 2000 halved the film undecoded; the digest is then of the smaller film."),
            _c("pixel_digest", STRING, "Keyed digest of the decoded source pixels."),
            _c("thumbnail", pa.binary(1024), "32 x 32 grey values, row by row, for duplicate search."),
            _c("difference_hash", pa.uint64(), "64-bit dHash of the film."),
            _c("mean_level", FLOAT, "Mean grey value, 0-255."),
            _c("std_level", FLOAT, "Standard deviation of the grey values."),
            _c("source_levels", pa.int32(), "Distinct values among a sample of source pixels; 1 is a constant film."),
            _c("n_text_lines", pa.int32(), "Lines of letters that were painted over; side, view and position markers stay."),
            _c("field_left", FLOAT, "Left edge of the exposed field, as a share of the width; 0 where nothing is collimated."),
            _c("field_top", FLOAT, "Its top edge, as a share of the height."),
            _c("field_right", FLOAT, "Its right edge; 1 where nothing is collimated."),
            _c("field_bottom", FLOAT, "Its bottom edge."),
        ),
        (("file_id", "decodings.file_id"),),
        sharded=True,
    ),
    Table(
        "exclusions",
        "exclude",
        "What left the set and why, and what was flagged: nothing disappears without a row.",
        ("file_id", "reason"),
        (
            _FILE,
            _c("image_id", STRING, "The film, when one is known.", null=True),
            _c("action", STRING, "exclude, duplicate and skip leave the set; flag stays.", values=ACTIONS),
            _c("reason", STRING, "Reason code; docs/stages/exclude.md lists them."),
            _c("rule", STRING, "Registered rule that decided."),
            _c("evidence", STRING, "What the header says and what the pixels say, where a rule holds one against the other.", null=True),
        ),
        (("file_id", "files.file_id"),),
    ),
    Table(
        "film_checks",
        "exclude",
        "What the pixels of each film say: how it stands (+1 a typical phantom film, -1 the same film changed), and whose it may be.",
        ("image_id",),
        (
            _IMAGE,
            _c("positive", FLOAT, "Polarity: -1 is the negative."),
            _c("upright", FLOAT, "Against the film upside down."),
            _c("not_turned_left", FLOAT, "Against the film turned by 90 degrees to the left."),
            _c("not_turned_right", FLOAT, "Against the film turned by 90 degrees to the right."),
            _c("frontal", FLOAT, "View: -1 is a lateral, facing either side."),
            _c("not_mirrored", FLOAT, "Log odds that the film is not flipped left to right."),
            _c("adult", FLOAT, "Log odds of an adult's build against a child's, under 16 years."),
            _c("unlikeness", FLOAT, "Mahalanobis distance to the set's films over the median film's; null in small sets.", null=True),
            _c("is_inverted", BOOL, "Whether the film is taken for a negative."),
            _c("turned_degrees", pa.int16(), "By how much the film is taken to be turned clockwise: 0, 90, 180 or 270."),
            _c("is_lateral", BOOL, "Whether a film that is neither is taken for a lateral."),
            _c("is_mirrored", BOOL, "Whether a film that is none of these is taken to be flipped left to right."),
            _c(
                "age_band",
                STRING,
                "Whose build it plainly is, of a film that is none of these; else null.",
                null=True,
                values=("child", "adult"),
            ),
            _c("is_unlike", BOOL, "Whether a film that is none of these is unlike the other films."),
        ),
        (("image_id", "images.image_id"),),
    ),
    Table(
        "manifest",
        "exclude",
        "Audit trail: what went in, what came out, what became of it. Each line holds the digest of all before it.",
        ("line",),
        (
            _c("line", INT, "Number of the line, from 0, in the order of file_id."),
            _FILE,
            _c("source_digest", STRING, "Keyed digest of the file's bytes; empty where they could not be read."),
            _c("output_digest", STRING, "Keyed digest of the stored film or report text; null where nothing came of the file.", null=True),
            _c("disposition", STRING, "What became of it.", values=("image", "excluded", "duplicate", "report", "skipped")),
            _c("reason", STRING, "Reason code; empty for image and report."),
            _c("chain", STRING, "Keyed digest of this line and the chain of the line before."),
        ),
        (("file_id", "files.file_id"),),
    ),
    Table(
        "groups",
        "group",
        "Films that no split may part: one patient, and duplicates across patients.",
        ("image_id",),
        (
            _IMAGE,
            _c("patient_id", STRING, "Patient."),
            _c("group_id", STRING, "Group: the smallest patient_id joined to this film."),
            _c("duplicate_of", STRING, "An earlier film that is the same exposure, else null.", null=True),
            _c(
                "duplicate_kinds",
                pa.list_(STRING),
                "How the two differ: exact, re-encoded, or one or more of inverted, flipped, rotated, cropped.",
                null=True,
            ),
            _c("correlation", FLOAT, "Correlation of the two films' fine detail, 1 for identical pixels.", null=True),
        ),
        (("image_id", "images.image_id"),),
    ),
    Table(
        "mentions",
        "label",
        "Findings named in reports, with the words and the reading of them.",
        ("mention_id",),
        (
            _c("mention_id", STRING, "report_id, labeler and position."),
            _c("report_id", STRING, "Report."),
            _c("annotator", STRING, "Labeler."),
            _FINDING,
            _c("state", STRING, "How it is asserted.", values=("POSITIVE", "NEGATIVE", "UNCERTAIN")),
            _c("grade", STRING, "weak or strong hedge of an UNCERTAIN mention.", null=True, values=("weak", "strong")),
            _c("section", STRING, "Section of the report."),
            _c("start", pa.int32(), "First character in reports.text."),
            _c("end", pa.int32(), "One past the last character in reports.text."),
            _c("words", STRING, "The words themselves."),
            _c("sentence", STRING, "The sentence around them."),
            _c("rule_ids", pa.list_(STRING), "Rules that decided."),
            _c("attributes", pa.list_(STRING), "Laterality, severity, change and so on."),
        ),
        (("report_id", "reports.report_id"),),
    ),
    Table(
        "annotations",
        "label",
        "What every annotator says of every film and finding it was asked about.",
        ("image_id", "finding", "annotator"),
        (
            _IMAGE,
            _FINDING,
            _c("annotator", STRING, "Labeler, published file or reader."),
            _c("state", STRING, "What it says; UNMENTIONED where it was silent.", values=STATE_VALUES),
            _c(
                "grade",
                STRING,
                "weak or strong hedge of an UNCERTAIN label, where the annotator knows.",
                null=True,
                values=("weak", "strong"),
            ),
            _c(
                "probabilities",
                pa.list_(FLOAT),
                "P(POSITIVE), P(NEGATIVE), P(UNCERTAIN), P(UNMENTIONED) of an annotator that has them.",
                null=True,
            ),
            _c("mention_ids", pa.list_(STRING), "Mentions behind it."),
            _c("evidence", STRING, "The deciding words, for people.", null=True),
        ),
        (("image_id", "groups.image_id"),),
    ),
    Table(
        "labels",
        "label",
        "The reconciled label of every kept film and finding, beside the label that was given.",
        ("image_id", "finding"),
        (
            _IMAGE,
            _FINDING,
            _c("given_label", STRING, "Label the film came with: the published one, else the report labeler's.", values=STATE_VALUES),
            _c("given_annotator", STRING, "Whose label that is; null when nobody was asked.", null=True),
            _c("state", STRING, "Reconciled state.", values=STATE_VALUES),
            _c("decided_by", STRING, "verdict, annotators, or nobody.", values=("verdict", "annotators", "nobody")),
            _c("p_positive", FLOAT, "Posterior probability that the finding is present."),
            _c("p_low", FLOAT, "Low end of its 95 % interval: how far it may be off, as annotators are known from few films."),
            _c("p_high", FLOAT, "High end; of a verdict both ends are the verdict's own."),
            _c("p_annotators", FLOAT, "The same from annotators alone, before any verdict."),
            _c(
                "theta_sd",
                FLOAT,
                "How well annotators fix the share of radiologists who would call the film: its probit's standard deviation.",
            ),
            _c("n_annotators", pa.int32(), "Annotators that were asked."),
            _c("n_readers", pa.int32(), "Of these, people who looked at the film."),
            _c("annotators", pa.list_(pa.string()), "Who was asked."),
            _c("is_conflict", BOOL, "Whether one annotator says POSITIVE and another NEGATIVE."),
            _c("verdict", STRING, "A reviewer's verdict, else null.", null=True, values=("POSITIVE", "NEGATIVE", "UNCERTAIN")),
            _c("policy", STRING, "Uncertainty policy of the finding."),
            _c("given_target", FLOAT, "Training target of the given label under the policy; null is masked out.", null=True),
            _c("given_side", FLOAT, "What the given label claims and can be wrong about: 1 present, 0 absent, null neither.", null=True),
        ),
        (("image_id", "groups.image_id"),),
    ),
    Table(
        "annotator_states",
        "label",
        "What each annotator's states mean: estimated P(state | truth) and P(truth | state), per finding.",
        ("finding", "annotator", "state", "grade"),
        (
            _FINDING,
            _c("annotator", STRING, "Labeler, published file or reader."),
            _c("state", STRING, "State it can give.", values=STATE_VALUES),
            _c("grade", STRING, "Of UNCERTAIN where the annotator knows: weak or strong.", null=True, values=("weak", "strong")),
            _c("n", INT, "Films where it gave this state."),
            _c("p_given_present", FLOAT, "P(state | finding present); of POSITIVE the sensitivity."),
            _c("p_given_present_low", FLOAT, "Low end of its 95 % interval."),
            _c("p_given_present_high", FLOAT, "High end."),
            _c("p_given_absent", FLOAT, "P(state | finding absent); of POSITIVE 1 - specificity."),
            _c("p_given_absent_low", FLOAT, "Low end of its 95 % interval."),
            _c("p_given_absent_high", FLOAT, "High end."),
            _c("p_present", FLOAT, "P(finding present | state); of POSITIVE the positive predictive value."),
            _c("p_present_low", FLOAT, "Low end of its 95 % interval."),
            _c("p_present_high", FLOAT, "High end."),
        ),
    ),
    Table(
        "agreement",
        "label",
        "How two annotators agree on the films that both were asked about, per finding.",
        ("finding", "annotator", "other"),
        (
            _FINDING,
            _c("annotator", STRING, "One of them."),
            _c("other", STRING, "The other."),
            _c("n", INT, "Films both were asked about."),
            _c("agreement_share", FLOAT, "Share of them where both give one state."),
            _c("conflict_share", FLOAT, "Share of them where one says POSITIVE and the other NEGATIVE."),
            _c("kappa", FLOAT, "Cohen's kappa of POSITIVE against everything else; null where undefined.", null=True),
            _c("kappa_low", FLOAT, "Low end of its 95 % interval.", null=True),
            _c("kappa_high", FLOAT, "High end.", null=True),
        ),
    ),
    Table(
        "reliability",
        "label",
        "How all annotators agree, per finding.",
        ("finding",),
        (
            _FINDING,
            _c("n_annotators", pa.int32(), "Annotators that were asked at least once."),
            _c("n", INT, "Films that anybody was asked about."),
            _c("n_several", INT, "Films that two or more were asked about."),
            _c("coverage", FLOAT, "Share of the kept films that anybody was asked about."),
            _c("conflict_share", FLOAT, "Share of the films asked about where one says POSITIVE and another NEGATIVE."),
            _c("alpha_states", FLOAT, "Krippendorff's alpha over the four states; null where undefined.", null=True),
            _c("alpha_states_low", FLOAT, "Low end of its 95 % interval.", null=True),
            _c("alpha_states_high", FLOAT, "High end.", null=True),
            _c("alpha_positive", FLOAT, "Krippendorff's alpha of POSITIVE against everything else.", null=True),
            _c("alpha_positive_low", FLOAT, "Low end of its 95 % interval.", null=True),
            _c("alpha_positive_high", FLOAT, "High end.", null=True),
        ),
    ),
    Table(
        "pred_probs",
        "predict",
        "Out-of-fold probabilities: no film is judged by a model that saw its patient.",
        ("image_id", "finding", "model"),
        (
            _IMAGE,
            _FINDING,
            _MODEL,
            _FOLD,
            _c("logit", FLOAT, "Output of the network."),
            _c("pred_prob", FLOAT, "Calibrated probability that the finding is present."),
        ),
        (("image_id", "groups.image_id"),),
    ),
    Table(
        "published_scores",
        "predict",
        "What published models say of each film (settings.models); a film that a model was trained on may be among them.",
        ("image_id", "finding", "model"),
        (
            _IMAGE,
            _FINDING,
            _c("model", STRING, "Registered published model."),
            _c("score", FLOAT, "Its score, on its own scale."),
            _SCORE_KIND,
            _c("checkpoint_sha256", STRING, "SHA-256 of its weights."),
        ),
        (("image_id", "groups.image_id"),),
    ),
    Table(
        "embeddings",
        "predict",
        "Out-of-fold feature vectors; comparable only within one fold.",
        ("image_id", "model"),
        (
            _IMAGE,
            _MODEL,
            _FOLD,
            _c("vector", pa.list_(pa.float32()), "Features before the head."),
        ),
        (("image_id", "groups.image_id"),),
    ),
    Table(
        "training_dynamics",
        "predict",
        "How the networks that trained on a film came to believe its given label, over all folds; cells that never trained have no row.",
        ("image_id", "finding", "model"),
        (
            _IMAGE,
            _FINDING,
            _MODEL,
            _c("aum", FLOAT, "Area under the margin: mean log-odds for the given label beyond what a network that sees nothing says."),
            _c("n_forgotten", pa.int32(), "Times the network turned from the given label; all epochs of a training that never learned it."),
            _c("early_loss", FLOAT, "Mean cross-entropy of the given label over the first half of the epochs."),
            _c("n_epochs", pa.int32(), "Epochs in which it trained, over all folds."),
        ),
        (("image_id", "groups.image_id"),),
    ),
    Table(
        "saliency_maps",
        "predict",
        "Where the network that never saw the patient looks (Grad-CAM), for the given labels that it and the annotators contradict most.",
        ("image_id", "finding", "model"),
        (
            _IMAGE,
            _FINDING,
            _MODEL,
            _FOLD,
            _c("height_cells", pa.int16(), "Rows of the map, which covers the whole film."),
            _c("width_cells", pa.int16(), "Columns of the map."),
            _c("heat", pa.binary(), "Map, row by row, from 0 where it is lowest to 255; null where it is constant.", null=True),
        ),
        (("image_id", "groups.image_id"),),
    ),
    Table(
        "label_issues",
        "rank",
        "Every judged cell, most suspicious first.",
        ("image_id", "finding"),
        (
            _IMAGE,
            _FINDING,
            _c("given_label", STRING, "Label on trial.", values=STATE_VALUES),
            _c("p_positive", FLOAT, "Probability that the finding is present, from annotators and model together."),
            _c("pred_prob", FLOAT, "The model's opinion alone, null when the finding is not modelled.", null=True),
            _c("label_quality_score", FLOAT, "0 wrong - 1 right (cleanlab)."),
            _c("is_label_issue", BOOL, "Whether it is worth a reviewer's time."),
            _c("rank", INT, "1 is the most suspicious."),
            _c("detectors", pa.list_(STRING), "Detectors that flagged it."),
            _c("reason", STRING, "Why, in words."),
        ),
        (("image_id", "groups.image_id"),),
    ),
    Table(
        "model_skill",
        "rank",
        "Each model as one more annotator: what it is measured to know of each finding, and how much it counts beside the other models.",
        ("finding", "model"),
        (
            _FINDING,
            _c("model", STRING, "Registered model, trained here out of fold or published."),
            _c("n", INT, "Films that it and an annotator speak of."),
            _c("auroc_measured", FLOAT, "AUROC against the annotators' probabilities, films weighted by them."),
            _c("standard_error", FLOAT, "Of a model without skill; null where nothing tells films apart.", null=True),
            _c("auroc", FLOAT, "Believed AUROC against the truth: corrected for what annotators leave open, and shrunk; 0.5 if not heard."),
            _c("is_heard", BOOL, "Whether the model alone shows skill on the finding."),
            _c("weight", FLOAT, "Its share among the models that judge the finding; alike for all where none shows skill alone."),
        ),
    ),
    Table(
        "verdicts",
        "review",
        "Reviewers' decisions, appended; the latest of a cell counts.",
        ("verdict_id",),
        (
            _c("verdict_id", STRING, "Digest of the row: importing a file twice adds nothing."),
            _IMAGE,
            _FINDING,
            _c("verdict", STRING, "Decision.", values=("POSITIVE", "NEGATIVE", "UNCERTAIN")),
            _c("reader_id", STRING, "Keyed pseudonym of the reviewer."),
            _c("sequence", INT, "Order of import."),
            _c("is_current", BOOL, "Whether no later verdict replaces it."),
            _c("given_label", STRING, "Label that was on trial.", null=True, values=STATE_VALUES),
        ),
    ),
    Table(
        "splits",
        "split",
        "Train, validate and test, by group.",
        ("image_id",),
        (
            _IMAGE,
            _c("group_id", STRING, "Group."),
            _c("split", STRING, "Split.", values=SPLITS),
            _c("assigned_by", STRING, "hash: keyed hash of the group; official: the source's own split.", values=("hash", "official")),
        ),
        (("image_id", "groups.image_id"),),
    ),
    Table(
        "split_checks",
        "split",
        "The leak check: each row must count 0 violations.",
        ("check",),
        (
            _c("check", STRING, "What must not cross splits."),
            _c("n_violations", INT, "How often it does."),
        ),
    ),
    Table(
        "scores",
        "validate",
        "Held-out scores of models trained on given and on cleaned labels, and the gain, with intervals.",
        ("trained_on", "finding", "metric", "subgroup", "subgroup_value"),
        (
            _c(
                "trained_on",
                STRING,
                "Labels trained on; gain is cleaned minus given on the same resamples.",
                values=("given", "cleaned", "gain"),
            ),
            _c("finding", STRING, "Finding, or macro for the mean over findings."),
            _METRIC,
            _c("subgroup", STRING, "all, patient_sex, age_band, view_position, manufacturer or site."),
            _SUBGROUP_VALUE,
            _c("estimate", FLOAT, "Mean over seeds; null when not estimable.", null=True),
            _c("ci_low", FLOAT, "2.5 % point over patients (clustered bootstrap) and over trainings (Student's t).", null=True),
            _c("ci_high", FLOAT, "97.5 % point.", null=True),
            _N_POSITIVE,
            _N_NEGATIVE,
            _TRUTH,
            _c("n_seeds", pa.int32(), "Trainings averaged."),
            _c(
                "certificate",
                STRING,
                "What a gain may be called: gain or harm where its interval leaves out 0; null where not estimable, or no gain.",
                null=True,
                values=("gain", "no measurable gain", "harm"),
            ),
        ),
    ),
    Table(
        "subgroup_gaps",
        "validate",
        "How far a score inside a subgroup lies from that of everybody else in the test split, and whether chance explains it.",
        ("trained_on", "finding", "metric", "subgroup", "subgroup_value"),
        (
            _c("trained_on", STRING, "Labels trained on.", values=("given", "cleaned")),
            _c("finding", STRING, "Finding, or macro for the mean over the findings that can be estimated inside and outside."),
            _c("metric", STRING, "Score, as in `scores`."),
            _c("subgroup", STRING, "patient_sex, age_band, view_position, manufacturer or site."),
            _c("subgroup_value", STRING, "Value of the subgroup."),
            _c("estimate", FLOAT, "Score inside less score outside, mean over seeds; null when not estimable.", null=True),
            _c("ci_low", FLOAT, "2.5 % point, as in `scores`.", null=True),
            _c("ci_high", FLOAT, "97.5 % point.", null=True),
            _c("p_value", FLOAT, "Of no gap, by the spread over resamples; null when not estimable.", null=True),
            _c("p_holm", FLOAT, "Adjusted for the findings and values of the subgroup (Holm).", null=True),
        ),
    ),
    Table(
        "published_model_scores",
        "validate",
        "Held-out scores of the published models asked in `predict`, on the films, truth and resamples of `scores`.",
        ("model", "finding", "metric", "subgroup", "subgroup_value"),
        (
            _c("model", STRING, "Registered published model; films it was trained on may be among those scored."),
            _c("checkpoint_sha256", STRING, "SHA-256 of its weights."),
            _SCORE_KIND,
            _c("finding", STRING, "Finding, or macro for the mean over those that are trained here too; over all where there is none."),
            _METRIC,
            _c("subgroup", STRING, "As in `scores`."),
            _SUBGROUP_VALUE,
            _c(
                "estimate",
                FLOAT,
                "Score; null when not estimable. Scores that are no probabilities have metrics of their order alone.",
                null=True,
            ),
            _c("ci_low", FLOAT, "2.5 % point over patients (clustered bootstrap).", null=True),
            _c("ci_high", FLOAT, "97.5 % point.", null=True),
            _N_POSITIVE,
            _N_NEGATIVE,
            _TRUTH,
        ),
    ),
    Table(
        "releases",
        "write",
        "Files of the current release.",
        ("release_id", "path"),
        (
            _c("release_id", STRING, "Release: digest of its contents."),
            _c("path", STRING, "File below HOME/releases/<release_id>."),
            _c("sha256", STRING, "SHA-256 of the file."),
            _c("size_bytes", INT, "Size of the file."),
            _c("n_rows", INT, "Rows, for a table.", null=True),
        ),
    ),
    Table(
        "private_files",
        "exclude",
        "The ledger of the export, private: what became of every path.",
        ("path",),
        (
            _c("path", STRING, "Path below the export, with '/'."),
            _FILE,
            _c("disposition", STRING, "What became of it.", values=("image", "excluded", "duplicate", "report", "skipped")),
            _c("reason", STRING, "Reason code; empty for image and report."),
            _c("flags", pa.list_(STRING), "Flags of a film that was kept."),
            _c("image_id", STRING, "The film; empty for other dispositions."),
        ),
        private=True,
    ),
)

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
PUBLISHED: tuple[Table, ...] = tuple(table for table in TABLES if not table.private)

VIEWS: dict[str, tuple[str, str]] = {
    "curated": (
        "One row a kept film and finding: given and cleaned training targets with split and film facts. Training and export read this.",
        """
        SELECT l.image_id, g.patient_id, i.study_id, g.group_id, s.split, i.view_position, i.patient_sex,
               i.patient_age_years, l.finding, l.given_label, l.state, l.p_positive, l.verdict, l.given_target,
               coalesce(q.is_label_issue, false) AS is_label_issue, q.label_quality_score,
               CASE WHEN l.verdict = 'POSITIVE' THEN 1.0 WHEN l.verdict = 'NEGATIVE' THEN 0.0
                    WHEN l.verdict = 'UNCERTAIN' THEN NULL WHEN q.is_label_issue THEN q.p_positive ELSE l.given_target END AS cleaned_target
        FROM labels l
        JOIN groups g USING (image_id)
        JOIN images m USING (image_id)
        JOIN instances i ON i.file_id = m.file_id
        LEFT JOIN splits s USING (image_id)
        LEFT JOIN label_issues q USING (image_id, finding)
        """,
    ),
}
VIEW_READS: dict[str, tuple[str, ...]] = {
    "curated": ("labels", "groups", "images", "instances", "splits", "label_issues"),
}


def check(name: str, table: pa.Table) -> list[str]:
    """How a table breaks its own contract; foreign keys are checked by `Home.check_foreign`.

    Returns:
        One sentence a violation, empty when sound.
    """
    spec = BY_NAME[name]
    if tuple(table.column_names) != spec.names:
        return [f"columns are {table.column_names}, declared {list(spec.names)}"]
    found: list[str] = []
    for column in spec.columns:
        data = table.column(column.name)
        if data.type != column.type:
            found.append(f"{column.name} is {data.type}, declared {column.type}")
        if not column.nullable and data.null_count:
            found.append(f"{column.name} has {data.null_count} nulls")
        if column.values:
            strange = set(data.unique().to_pylist()) - set(column.values) - {None}
            if strange:
                found.append(f"{column.name} holds undeclared values {sorted(strange)[:5]}")
    if not found and table.num_rows:
        distinct = table.select(list(spec.key)).group_by(list(spec.key)).aggregate([]).num_rows
        if distinct != table.num_rows:
            found.append(f"key {spec.key} repeats in {table.num_rows - distinct} rows")
    return found


def conform(name: str, table: pa.Table) -> pa.Table:
    """Cast to the declared schema and sort by the key.

    Raises:
        TableError: columns are missing, extra, of another type, null where they may not be, or the key repeats.
    """
    spec = BY_NAME[name]
    missing, extra = set(spec.names) - set(table.column_names), set(table.column_names) - set(spec.names)
    if missing or extra:
        raise TableError(f"table {name}: missing columns {sorted(missing)}, undeclared {sorted(extra)}", "mend the stage that writes it")
    try:
        table = table.select(list(spec.names)).cast(pa.schema([pa.field(c.name, c.type) for c in spec.columns]))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TableError(f"table {name} does not fit its schema", "mend the stage that writes it") from error
    table = table.sort_by([(column, "ascending") for column in spec.key])
    if found := check(name, table):
        raise TableError(f"table {name}: {'; '.join(found)}", "mend the stage that writes it")
    return pa.Table.from_arrays(table.columns, schema=spec.schema)


def empty(name: str) -> pa.Table:
    """The table without rows."""
    return BY_NAME[name].schema.empty_table()
