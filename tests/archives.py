"""A miniature of each public archive in its exact layout, with pictures made here and identifiers of upstream's forms.

`ARCHIVES` maps the name of a source to a function that writes the archive and says what must be found in it.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from dicoms import make_dicom

CHEXPERT_14 = (
    *("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia"),
    *("Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices"),
)


@dataclass(frozen=True)
class Miniature:
    """What a source must find.

    Attributes:
        films: path -> patient, view, split; None for what the file's own header says, or nobody.
        labels: (path, annotator, finding, state) among the published labels.
        reports: path of a film -> words of its report.
        strays: paths that are neither films nor reports nor labels, but are files.
    """

    films: dict[str, tuple[str | None, str | None, str | None]]
    labels: set[tuple[str, str, str, str]]
    reports: dict[str, str] = field(default_factory=dict)
    strays: tuple[str, ...] = ()


def pixels(seed: int, depth: type[np.unsignedinteger], top: int) -> npt.NDArray[np.unsignedinteger]:
    """Fields and shadows of a film's own, so that no film of a miniature is another's duplicate."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 1, (96, 80)).cumsum(axis=seed % 2)
    return ((level - level.min()) * (top / np.ptp(level))).astype(depth)


def picture(path: Path, seed: int = 0, depth: type[np.unsignedinteger] = np.uint8) -> None:
    """A PNG or JPEG by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, content = cv2.imencode(path.suffix, pixels(seed, depth, int(np.iinfo(depth).max)))
    assert ok
    path.write_bytes(content.tobytes())


def film(path: Path, seed: int, **fields: object) -> None:
    """A DICOM film; a bare number for an age is upstream's, and pydicom would warn of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_dicom(path, pixels(seed, np.uint16, 4095), **fields)


def table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file, gzipped where its name says so."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def lines(path: Path, *texts: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")


def fourteen(**states: float) -> list[object]:
    """CheXpert's 14 cells; a name's blanks are underscores."""
    return [states.get(name.replace(" ", "_"), "") for name in CHEXPERT_14]


def mimic_cxr(root: Path) -> Miniature:
    """A JPEG study with a lateral film, a JPEG study of another patient, and a DICOM study."""
    films = {
        "files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34-7bc16630-4e384014.jpg": ("10000032", "PA", "train"),
        "files/p10/p10000032/s50414267/174413ec-4ec4c1f7-34ea26b7-c5f994f8-79ef1962.jpg": ("10000032", "LATERAL", "train"),
        "files/p11/p11000011/s51029426/a02c4fe0-8d4fea6b-e2b8ad5d-bd4f2f0e-6a3b9a3d.jpg": ("11000011", "AP", "validate"),
        "files/p19/p19454978/s50771383/3a64d1f2-9b5cbf09-3fc34f25-0d3b3d7a-3a2b7a58.dcm": ("19454978", "AP", "test"),
    }
    words = {"PA": "PA", "LATERAL": "LATERAL", "AP": "AP"}
    metadata, splits = [], []
    for seed, (path, (patient, view, split)) in enumerate(films.items()):
        *_, study, name = path.split("/")
        picture(root / path, seed) if path.endswith("jpg") else film(
            root / path, seed, PatientID=patient, ViewPosition="AP", AccessionNumber=""
        )
        dicom_id = name.rpartition(".")[0]
        number = study[1:]
        metadata.append([dicom_id, patient, number, "CHEST (PA AND LAT)", words[str(view)], 96, 80, 21800506, 213014.531, "", "", "Erect"])
        splits.append([dicom_id, number, patient, split])
    procedure = ("PerformedProcedureStepDescription", "ViewPosition", "Rows", "Columns", "StudyDate", "StudyTime")
    codes = tuple(f"{name}CodeSequence_CodeMeaning" for name in ("Procedure", "View", "PatientOrientation"))
    table(root / "mimic-cxr-2.0.0-metadata.csv.gz", ("dicom_id", "subject_id", "study_id", *procedure, *codes), metadata)
    table(root / "mimic-cxr-2.0.0-split.csv.gz", ("dicom_id", "study_id", "subject_id", "split"), splits)
    named = sorted(CHEXPERT_14)
    for labeler, edema in (("chexpert", -1.0), ("negbio", 1.0)):
        cells = [{"Edema": edema, "Pneumothorax": 0.0}.get(name, "") for name in named]
        table(root / f"mimic-cxr-2.0.0-{labeler}.csv.gz", ("subject_id", "study_id", *named), [(10000032, 50414267, *cells)])
    airspace = [name.replace("Lung Opacity", "Airspace Opacity") for name in named]
    cells = [1 if name == "Airspace Opacity" else "" for name in airspace]
    table(root / "mimic-cxr-2.1.0-test-set-labeled.csv", ("study_id", *airspace), [(50771383, *cells)])
    lines(root / "files/p10/p10000032/s50414267.txt", "FINDINGS:", "Mild edema is not excluded.", "", "IMPRESSION:", "Possible edema.")
    lines(root / "files/p19/p19454978/s50771383.txt", "IMPRESSION:", "Opacity at the left base.")
    lines(root / "SHA256SUMS.txt", "0 files")
    lines(root / "LICENSE.txt", "PhysioNet Credentialed Health Data License")
    first, second, _, dicom = films
    return Miniature(
        films,
        {
            *((path, "published:mimic-chexpert", "Edema", "UNCERTAIN") for path in (first, second)),
            *((path, "published:mimic-negbio", "Edema", "POSITIVE") for path in (first, second)),
            *((path, "published:mimic-negbio", "Pneumothorax", "NEGATIVE") for path in (first, second)),
            (dicom, "published:mimic-test-set", "Lung Opacity", "POSITIVE"),
        },
        {first: "Possible edema.", second: "Possible edema.", dicom: "Opacity at the left base."},
        ("SHA256SUMS.txt", "LICENSE.txt", "mimic-cxr-2.0.0-metadata.csv.gz"),
    )


def chexpert(root: Path) -> Miniature:
    """The small copy: two studies of one patient, a lateral, a contradiction, an age of 0, a validation film; a report of Plus."""
    base = "CheXpert-v1.0-small"
    header = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT_14)
    train = [
        ("train/patient00001/study1/view1_frontal.jpg", "Female", 68, "Frontal", "AP", fourteen(Edema=-1.0, Pneumothorax=0.0)),
        ("train/patient00001/study2/view1_frontal.jpg", "Female", 69, "Frontal", "PA", fourteen(Edema=1.0)),
        ("train/patient00001/study2/view2_lateral.jpg", "Female", 69, "Lateral", "", fourteen(Edema=1.0)),
        ("train/patient00002/study1/view1_frontal.jpg", "Unknown", 0, "Frontal", "LL", fourteen(No_Finding=1.0)),
    ]
    valid = [("valid/patient64541/study1/view1_frontal.jpg", "Male", 73, "Frontal", "AP", [0.0] * 13 + [1.0])]
    for name, rows in (("train", train), ("valid", valid)):
        table(root / base / f"{name}.csv", header, [(f"{base}/{path}", *facts, *cells) for path, *facts, cells in rows])
    for seed, (path, *_) in enumerate(train + valid):
        picture(root / base / path, seed)
    plus = (
        "path_to_image",
        "path_to_dcm",
        "frontal_lateral",
        "ap_pa",
        "deid_patient_id",
        "report",
        "section_impression",
        "age",
        "sex",
        "split",
    )
    report = 'NARRATIVE:\nCHEST 1 VIEW\n\nIMPRESSION:\n1. Possible edema, "mild".'
    place = "train/patient00001/study1/view1_frontal"
    rows = [(f"{place}.jpg", f"{place}.dcm", "Frontal", "AP", "patient00001", report, "1. Possible edema.", 68.0, "Female", "train")]
    table(
        root / base / "df_chexpert_plus_240401.csv",
        plus,
        [*rows, (train[1][0], "", "Frontal", "PA", "patient00001", "", "", 69.0, "Female", "train")],
    )
    lines(
        root / base / "chexbert_labels/impression_fixed.json",
        json.dumps({"path_to_image": train[0][0], "Edema": 1.0, "Pneumothorax": None}),
    )
    table(root / base / "train_visualCheXbert.csv", header, [(f"{base}/{train[0][0]}", *train[0][1:5], *([0.0] * 14))])
    paths = [f"{base}/{path}" for path, *_ in train + valid]
    views, patients = ("AP", "PA", "LATERAL", None, "AP"), ("patient00001", "patient00001", "patient00001", "patient00002", "patient64541")
    splits = ("train",) * 4 + ("validate",)
    return Miniature(
        dict(zip(paths, zip(patients, views, splits, strict=True), strict=True)),
        {
            (paths[0], "published:chexpert", "Edema", "UNCERTAIN"),
            (paths[0], "published:chexpert", "Pneumothorax", "NEGATIVE"),
            (paths[0], "published:chexpert", "Fracture", "UNMENTIONED"),
            (paths[0], "published:chexbert:impression", "Edema", "POSITIVE"),
            (paths[0], "published:visualchexbert", "Edema", "NEGATIVE"),
            (paths[2], "published:chexpert", "Edema", "POSITIVE"),
            (paths[4], "published:chexpert-valid", "Support Devices", "POSITIVE"),
            (paths[4], "published:chexpert-valid", "Edema", "NEGATIVE"),
        },
        {paths[0]: "Possible edema"},
        (f"{base}/df_chexpert_plus_240401.csv",),
    )


def nih_chestxray14(root: Path) -> Miniature:
    """Two films of one patient, one of another with an impossible age, boxes, and both lists."""
    films = {
        "images_001/images/00000001_000.png": ("00000001", "PA", "train"),
        "images_001/images/00000001_001.png": ("00000001", "PA", "train"),
        "images_002/images/00013118_008.png": ("00013118", "AP", "test"),
    }
    for seed, path in enumerate(films):
        picture(root / path, seed)
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height]," \
        "OriginalImagePixelSpacing[x,y]"  # fmt: skip
    lines(
        root / "Data_Entry_2017_v2020.csv",
        header,
        "00000001_000.png,Cardiomegaly,0,1,57,M,PA,2682,2749,0.14300000000000002,0.14300000000000002",
        "00000001_001.png,Cardiomegaly|Emphysema,1,1,058Y,M,PA,2894,2729,0.143,0.143",
        "00013118_008.png,No Finding,8,13118,414,F,AP,2500,2048,0.168,0.168",
    )
    lines(
        root / "BBox_List_2017.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,", "00013118_008.png,Atelectasis,225.08,547.01,86.7,79.1"
    )
    lines(root / "train_val_list.txt", "00000001_000.png", "00000001_001.png")
    lines(root / "test_list.txt", "00013118_008.png")
    lines(root / "README_CHESTXRAY.pdf", "%PDF")
    first, second, third = films
    return Miniature(
        films,
        {
            (first, "published:nih", "Cardiomegaly", "POSITIVE"),
            (first, "published:nih", "Edema", "UNMENTIONED"),
            (second, "published:nih", "Emphysema", "POSITIVE"),
            (third, "published:nih", "No Finding", "POSITIVE"),
            (third, "published:nih-boxes", "Atelectasis", "POSITIVE"),
        },
        strays=("train_val_list.txt", "README_CHESTXRAY.pdf"),
    )


def vindr_cxr(root: Path) -> Miniature:
    """Two training films read by three readers each, one test film read by consensus; headers without a patient."""
    names = ("50a418190bc3fb1ef1633bf9678929b3", "21a10246a5ec7af151081d0cd6d65dc9", "002a34c58c5b758217ed1f584ccbcfe9")
    paths = [f"{part}/{name}.dicom" for part, name in zip(("train", "train", "test"), names, strict=True)]
    for seed, path in enumerate(paths):
        film(root / path, seed, PatientID=None, PatientName=None, PatientBirthDate=None, AccessionNumber=None, StudyDate=None)
    boxes = ("image_id", "rad_id", "class_name", "x_min", "y_min", "x_max", "y_max")
    drawn = [
        *((names[0], reader, "No finding", "", "", "", "") for reader in ("R1", "R2", "R3")),
        (names[1], "R8", "Cardiomegaly", 10.5, 20, 30, 40),
        (names[1], "R9", "Cardiomegaly", 11, 21, 31, 41),
        (names[1], "R9", "Pleural effusion", 1, 2, 3, 4),
        (names[1], "R10", "No finding", "", "", "", ""),
    ]
    table(root / "annotations/annotations_train.csv", boxes, drawn)
    table(root / "annotations/annotations_test.csv", (boxes[0], *boxes[2:]), [(names[2], "Cardiomegaly", 1, 2, 3, 4)])
    classes = ("Aortic enlargement", "Cardiomegaly", "Pleural effusion", "Pneumonia", "No finding")
    read = [(names[0], reader, 0, 0, 0, 0, 1) for reader in ("R1", "R2", "R3")]
    read += [(names[1], "R8", 0, 1, 0, 0, 0), (names[1], "R9", 0, 1, 1, 1, 0), (names[1], "R10", 0, 0, 0, 0, 1)]
    table(root / "annotations/image_labels_train.csv", ("image_id", "rad_id", *classes), read)
    table(root / "annotations/image_labels_test.csv", ("image_id", *classes), [(names[2], 0, 1, 0, 0, 0)])
    lines(root / "SHA256SUMS.txt", "0 files")
    splits = ("train", "train", "test")
    return Miniature(
        {path: (name, "PA", split) for path, name, split in zip(paths, names, splits, strict=True)},
        {
            *((paths[0], f"published:vindr:{reader}", "No Finding", "POSITIVE") for reader in ("R1", "R2", "R3")),
            (paths[1], "published:vindr:R8", "Pleural Effusion", "NEGATIVE"),
            (paths[1], "published:vindr:R9", "Pleural Effusion", "POSITIVE"),
            (paths[1], "published:vindr:R9", "Pneumonia", "POSITIVE"),
            (paths[1], "published:vindr:R10", "No Finding", "POSITIVE"),
            (paths[2], "published:vindr:consensus", "Cardiomegaly", "POSITIVE"),
        },
        strays=("SHA256SUMS.txt",),
    )


_PADCHEST = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,ViewPosition_DICOM,Projection,MethodProjection,"
    "Pediatric,Modality_DICOM,Manufacturer_DICOM,PhotometricInterpretation_DICOM,PixelRepresentation_DICOM,PixelAspectRatio_DICOM,"
    "SpatialResolution_DICOM,BitsStored_DICOM,WindowCenter_DICOM,WindowWidth_DICOM,Rows_DICOM,Columns_DICOM,XRayTubeCurrent_DICOM,"
    "Exposure_DICOM,ExposureInuAs_DICOM,ExposureTime,RelativeXRayExposure_DICOM,ReportID,Report,MethodLabel,Labels,Localizations,"
    "LabelsLocalizationsBySentence,labelCUIS,LocalizationsCUIS"
)


def padchest(root: Path) -> Miniature:
    """A frontal and a lateral film of one study, a film by the network, and one whose list of labels was lost."""
    header = _PADCHEST.split(",")
    study, patient, other = (
        "20536686640136348236148679891455886468",
        "839860488694292331637988235681460987",
        "313572750430997347502932654319389875966",
    )
    second, third = "135803415504923515076821959678074435083", "297111292439900220417141510494441226466"
    films = [
        (f"0/{study}_k6ga29.png", study, patient, "PA", "Physician", "['nodule', ' pleural effusion']"),
        (f"0/{study}_fzis7d.png", study, patient, "L", "Physician", "['nodule', ' pleural effusion']"),
        (f"1/{second}_fzis7d.png", second, other, "AP_horizontal", "RNN_model", "['normal']"),
        (f"54/{third}_0sq0hd.png", third, other, "EXCLUDE", "RNN_model", "nan"),
    ]  # fmt: skip
    rows = []
    for seed, (path, study_id, patient_id, view, method, said) in enumerate(films):
        picture(root / path, seed, np.uint16)
        cells = {
            **dict.fromkeys(header, "None"),
            "": seed,
            **{"ImageID": path.split("/")[1], "ImageDir": path.split("/")[0], "StudyDate_DICOM": "20140915", "StudyID": study_id},
            **{"PatientID": patient_id, "PatientBirth": "1930.0", "PatientSex_DICOM": "F", "Projection": view, "Modality_DICOM": "CR"},
            **{"ViewPosition_DICOM": "nan", "Report": " sin hallazg , \n radiolog .", "MethodLabel": method, "Labels": said},
        }
        rows.append([cells[name] for name in header])
    table(root / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz", header, rows)
    views = ("PA", "LATERAL", "AP", None)
    paths = [path for path, *_ in films]
    return Miniature(
        {path: (found[2], view, None) for path, found, view in zip(paths, films, views, strict=True)},
        {
            (paths[0], "published:padchest-manual", "Nodule", "POSITIVE"),
            (paths[1], "published:padchest-manual", "Pleural Effusion", "POSITIVE"),
            (paths[2], "published:padchest", "No Finding", "POSITIVE"),
        },
    )


def rsna_pneumonia(root: Path) -> Miniature:
    """Two training films of one patient of ChestX-ray14, a test film of another."""
    names = ("0004cfab-14fd-4e49-80ba-63a80b6bddd6", "00313ee0-9eaa-42f4-b0ab-c148ed3241cd", "0000a175-0e68-4ca4-b1af-167204a7e0bc")
    parts, ages = ("train", "train", "test"), ("43", "155", "48")
    paths = [f"stage_2_{part}_images/{name}.dcm" for part, name in zip(parts, names, strict=True)]
    for seed, (path, name, age) in enumerate(zip(paths, names, ages, strict=True)):
        film(root / path, seed, PatientID=name, PatientName=name, PatientAge=age, PatientBirthDate="", AccessionNumber="", Modality="CR")
    lines(root / "stage_2_train_labels.csv", "patientId,x,y,width,height,Target", f"{names[0]},,,,,0",
          f"{names[1]},264.0,152.0,213.0,379.0,1", f"{names[1]},562.0,152.0,256.0,453.0,1")  # fmt: skip
    lines(root / "stage_2_detailed_class_info.csv", "patientId,class", f"{names[0]},No Lung Opacity / Not Normal",
          f"{names[1]},Lung Opacity", f"{names[1]},Lung Opacity")  # fmt: skip
    lines(root / "stage_2_sample_submission.csv", "patientId,PredictionString", f"{names[2]},0.5 0 0 100 100")
    mapped = zip(names, ("00000013_026.png", "00000013_031.png", "00025252_045.png"), strict=True)
    (root / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps([{"subset_img_id": n, "img_id": i} for n, i in mapped]))
    patients = ("00000013", "00000013", "00025252")
    return Miniature(
        {path: (patient, "PA", part) for path, patient, part in zip(paths, patients, parts, strict=True)},
        {
            (paths[0], "published:rsna", "Lung Opacity", "NEGATIVE"),
            (paths[0], "published:rsna", "No Finding", "NEGATIVE"),
            (paths[1], "published:rsna", "Lung Opacity", "POSITIVE"),
        },
        strays=("stage_2_sample_submission.csv", "pneumonia-challenge-dataset-mappings_2018.json"),
    )


def siim_pneumothorax(root: Path) -> Miniature:
    """Stage 2: the test films of stage 1 are training films now."""
    uid = "1.2.276.0.7230010.3.1.{}.8323329.{}.1517875201.850819"
    made = [("dicom-images-train", 6904, "train"), ("dicom-images-test", 13666, "train")]
    films: dict[str, tuple[str | None, str | None, str | None]] = {}
    uids = []
    for seed, (folder, number, split) in enumerate(made):
        study, series, image = (uid.format(kind, number) for kind in (2, 3, 4))
        path = f"{folder}/{study}/{series}/{image}.dcm"
        film(
            root / path, seed, SOPInstanceUID=image, StudyInstanceUID=study, PatientID=f"uuid-{number}", PatientAge="51", AccessionNumber=""
        )
        films[path] = (f"uuid-{number}", "PA", split)
        uids.append(image)
    film(root / "stage_2_images/ID_000012a8d.dcm", 3, PatientID="uuid-3", AccessionNumber="")
    films["stage_2_images/ID_000012a8d.dcm"] = ("uuid-3", "PA", "test")
    lines(root / "stage_2_train.csv", "ImageId,EncodedPixels", f"{uids[0]},-1", f"{uids[1]},557374 2 1015 8", f"{uids[1]},1 2")
    lines(root / "stage_2_sample_submission.csv", "ImageId,EncodedPixels", "ID_000012a8d,-1")
    first, second, _ = films
    return Miniature(
        films,
        {(first, "published:siim", "Pneumothorax", "NEGATIVE"), (second, "published:siim", "Pneumothorax", "POSITIVE")},
        strays=("stage_2_sample_submission.csv",),
    )


_OPENI = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><meta type="rr"/><uId id="CXR{uid}"/><MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION">Cough</AbstractText>
<AbstractText Label="FINDINGS">{findings}</AbstractText><AbstractText Label="IMPRESSION">No XXXX change.</AbstractText>
</Abstract></Article></MedlineCitation><MeSH><major>{term}</major></MeSH>{images}</eCitation>
"""


def openi(root: Path) -> Miniature:
    """A PNG film and a lateral, a DICOM film, their records, and a record without a film."""
    pngs = ("CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001")
    for seed, name in enumerate(pngs):
        picture(root / f"NLMCXR_png/{name}.png", seed)
    film(root / "NLMCXR_dcm/2/2_IM-0652-1001.dcm", 2, PatientID="2", AccessionNumber="8124495960591761")
    records = {1: ("The heart is large.", "Cardiomegaly/borderline", pngs), 2: ("Clear lungs.", "normal", ("CXR2_IM-0652-1001",)),
               3: ("Nothing.", "normal", ())}  # fmt: skip
    for uid, (words, term, images) in records.items():
        parents = "".join(f'<parentImage id="{name}"/>' for name in images)
        lines(root / f"NLMCXR_reports/ecgen-radiology/{uid}.xml", _OPENI.format(uid=uid, findings=words, term=term, images=parents))
    films = {
        f"NLMCXR_png/{pngs[0]}.png": ("CXR1", None, None),
        f"NLMCXR_png/{pngs[1]}.png": ("CXR1", None, None),
        "NLMCXR_dcm/2/2_IM-0652-1001.dcm": ("CXR2", "PA", None),
    }
    first, second, third = films
    return Miniature(
        films,
        {
            (first, "published:openi-mesh", "Cardiomegaly", "POSITIVE"),
            (second, "published:openi-mesh", "Cardiomegaly", "POSITIVE"),
            (third, "published:openi-mesh", "No Finding", "POSITIVE"),
        },
        {first: "The heart is large.", second: "The heart is large.", third: "Clear lungs."},
    )


_COVID = (
    "patientid,offset,sex,age,finding,RT_PCR_positive,survival,intubated,intubation_present,went_icu,in_icu,needed_supplemental_O2,"
    "extubated,temperature,pO2_saturation,leukocyte_count,neutrophil_count,lymphocyte_count,view,modality,date,location,folder,"
    "filename,doi,url,license,clinical_notes,other_notes,"
)


def covid_image_data_collection(root: Path) -> Miniature:
    """Two films of one patient, a slice of CT, a normal film, and a picture that the table does not know."""
    header = _COVID.split(",")
    rows = [
        (
            "2",
            "0",
            "M",
            "65",
            "Pneumonia/Viral/COVID-19",
            "PA",
            "X-ray",
            "January 22, 2020",
            "auntminnie-a-2020_01_28-23_51_6665_vietnam.jpeg",
        ),
        ("2", "3", "M", "65", "Pneumonia/Viral/COVID-19", "AP Supine", "X-ray", "2020", "auntminnie-b-2020_01_28-23_51_6665_vietnam.png"),
        ("12a", "", "F", "", "Tuberculosis", "Axial", "CT", "2016", "ct-slice.jpg"),
        ("19", "1", "F", "31", "No Finding", "L", "X-ray", "Jan 3, 2020", "kjr-21-e24-g001-l-a.jpg"),
    ]
    places = ("patientid", "offset", "sex", "age", "finding", "view", "modality", "date", "filename")
    cells = [
        dict.fromkeys(header, "") | dict(zip(places, row, strict=True)) | {"folder": "images", "location": "Elm, Sea Town"} for row in rows
    ]
    table(root / "metadata.csv", header, [[row[name] for name in header] for row in cells])
    for seed, row in enumerate(rows):
        picture(root / "images" / row[-1], seed)
    lines(root / "README.md", "COVID-19 image data collection")
    paths = [f"images/{row[-1]}" for row in rows]
    found = zip(("2", "2", "12a", "19"), ("PA", "AP", "AXIAL", "LATERAL"), strict=True)
    return Miniature(
        {path: (patient, view, None) for path, (patient, view) in zip(paths, found, strict=True)},
        {
            (paths[0], "published:covid", "Pneumonia", "POSITIVE"),
            (paths[0], "published:covid", "No Finding", "UNMENTIONED"),
            (paths[3], "published:covid", "No Finding", "POSITIVE"),
        },
        strays=("README.md",),
    )


ARCHIVES: dict[str, Callable[[Path], Miniature]] = {
    make.__name__: make
    for make in (
        *(mimic_cxr, chexpert, nih_chestxray14, vindr_cxr, padchest, rsna_pneumonia, siim_pneumothorax, openi),
        covid_image_data_collection,
    )
}
