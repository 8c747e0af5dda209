"""Published label files: every layout as upstream publishes it, odd cells, and the join to films."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline.base import findings, settings
from pipeline.base.errors import InputError
from pipeline.base.interfaces import LABEL_FILES, SOURCES, FileLabels, FoundFile, is_film_reader
from pipeline.base.labels import LabelState
from pipeline.base.pseudonyms import Pseudonyms
from pipeline.collect import labels, published
from pipeline.collect.films import KINDS
from pipeline.collect.headers import Header
from pipeline.collect.ledger import Entry, Ledger
from pipeline.collect.scan import Scan

P, N, U, S = LabelState.POSITIVE, LabelState.NEGATIVE, LabelState.UNCERTAIN, LabelState.UNMENTIONED
CHEXPERT = (
    "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,"
    "Pleural Effusion,Pleural Other,Fracture,Support Devices"
)
MIMIC = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,No Finding,Pleural Effusion,"
    "Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)
PADCHEST = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,ViewPosition_DICOM,Projection,MethodProjection,"
    "Pediatric,Modality_DICOM,Manufacturer_DICOM,PhotometricInterpretation_DICOM,PixelRepresentation_DICOM,PixelAspectRatio_DICOM,"
    "SpatialResolution_DICOM,BitsStored_DICOM,WindowCenter_DICOM,WindowWidth_DICOM,Rows_DICOM,Columns_DICOM,XRayTubeCurrent_DICOM,"
    "Exposure_DICOM,ExposureInuAs_DICOM,ExposureTime,RelativeXRayExposure_DICOM,ReportID,Report,MethodLabel,Labels,Localizations,"
    "LabelsLocalizationsBySentence,labelCUIS,LocalizationsCUIS"
)


def put(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode(encoding)) if name.endswith(".gz") else text.encode(encoding))
    return path


def read(path: Path) -> list[FileLabels]:
    found = published.recognise(path)
    assert found is not None, f"{path.name} was not recognised"
    assert found.layout is not None
    return list(found.layout.read(found.table))


def positives(states: dict[str, LabelState]) -> set[str]:
    return {finding for finding, state in states.items() if state is P}


def padchest(image: str, method: str, cell: str) -> str:
    cells = {"ImageID": image, "MethodLabel": method, "Labels": cell, "Report": " sin hallazg , \n radiolog ."}
    return ",".join('"' + cells.get(name, "").replace('"', '""') + '"' for name in PADCHEST.split(","))


# The contract of the seam.


@pytest.mark.parametrize("name", LABEL_FILES.names())
def test_a_layout_reads_its_own_example_and_no_other(name: str, tmp_path: Path) -> None:
    layout = LABEL_FILES.get(name)
    path = put(tmp_path, *layout.example)
    found = published.recognise(path)
    assert found is not None
    assert found.name == name
    rows = list(layout.read(found.table))
    assert rows
    assert rows == list(layout.read(found.table))
    for names, annotator, states in rows:
        assert names
        assert all(kind in KINDS and value for kind, value in names)
        assert annotator.startswith("published:")
        assert states
        assert set(states) <= set(findings.NAMES)
        assert all(isinstance(state, LabelState) for state in states.values())
    assert any(state is not S for row in rows for state in row.states.values())


@pytest.mark.parametrize("name", LABEL_FILES.names())
def test_a_layout_says_what_people_read(name: str) -> None:
    human = LABEL_FILES.get(name).human
    assert set(human.values()) <= {"film", "report"}
    assert all(annotator.startswith("published:") and not annotator.endswith(":") for annotator in human)


@pytest.mark.parametrize(
    "header", ["", "report_id,text", "AccessionNumber,Edema", "Image Index,Patient Age", "patientId,PredictionString", "ImageID,Labels"]
)
@pytest.mark.parametrize("name", ["labels.csv", "chexpert.csv", "Data_Entry_2017_v2020.csv", "train-rle.csv"])
def test_a_name_alone_is_not_enough(header: str, name: str, tmp_path: Path) -> None:
    assert published.recognise(put(tmp_path, name, f"{header}\n1,2\n")) is None


def test_two_layouts_of_one_file_are_an_error(tmp_path: Path) -> None:
    path = put(tmp_path, "x.csv", "Image Index,Finding Labels,Finding Label\n1.png,Mass,Mass\n")
    with pytest.raises(InputError, match="fits two layouts: nih and nih_boxes"):
        published.recognise(path)


# Files of any layout.


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_compression_byte_order_marks_and_line_ends_change_nothing(name: str, encoding: str, end: str, tmp_path: Path) -> None:
    text = end.join(["Image Index,Finding Labels", "", "00000001_000.png,Effusion | Mass ", '"00000002_000.png",No Finding', ""])
    rows = read(put(tmp_path, name, text, encoding))
    assert [row.names for row in rows] == [(("path", "00000001_000"),), (("path", "00000002_000"),)]
    assert [positives(row.states) for row in rows] == [{"Pleural Effusion", "Mass"}, {"No Finding"}]


@pytest.mark.parametrize("cut", [10, 60])
def test_a_file_that_breaks_off_is_an_error_or_left_alone(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    rows = "".join(f"{number * 7919 % 100003:08d}_000.png,Mass\n" for number in range(9000))
    path.write_bytes(gzip.compress(("Image Index,Finding Labels\n" + rows).encode())[: cut * 400 if cut == 60 else cut])
    if cut == 10:
        assert published.recognise(path) is None
    else:
        with pytest.raises(InputError, match=r"a\.csv\.gz cannot be read to its end"):
            read(path)


def test_a_column_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'Edema' stands twice"):
        read(put(tmp_path, "a.csv", "AccessionNumber,Edema,Mass,Edema\nA,1,0,0\n"))


def test_a_line_is_named_where_its_record_begins(tmp_path: Path) -> None:
    text = 'AccessionNumber,note,Edema,Mass\nA,"two\nlines",1,\nB,,probably not,\n'
    with pytest.raises(InputError, match="line 4 of the label file") as caught:
        read(put(tmp_path, "a.csv", text))
    assert "probably" not in str(caught.value)


# Each layout.


@pytest.mark.parametrize(("cell", "state"), [("1.0", P), ("1", P), ("0.0", N), ("-1.0", U), ("-1", U), ("", S), (" ", S), ("nan", S)])
def test_chexpert_keeps_four_states(cell: str, state: LabelState, tmp_path: Path) -> None:
    film = "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg"
    text = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{CHEXPERT}\n{film},Female,68,Frontal,AP,,,,,,,,,,,{cell},,,\n"
    (row,) = read(put(tmp_path, "train.csv", text))
    assert row.names == (("path", "patient00001/study1/view1_frontal"),)
    assert row.annotator == "published:chexpert"
    assert row.states["Pleural Effusion"] is state
    assert Counter(row.states.values())[S] == 13 + (state is S)


@pytest.mark.parametrize(
    ("name", "part", "cells", "annotator"),
    [
        ("valid.csv", "valid", ["0.0"] * 13 + ["1.0"], "published:chexpert-valid"),
        ("groundtruth.csv", "test", ["0"] * 13 + ["1"], "published:chexpert-test"),
        ("bc4.csv", "test", ["0"] * 13 + ["1"], "published:chexpert-test:bc4"),
        ("labels.csv", "test", [""] * 13 + ["1.0"], "published:chexpert"),
        ("labels.csv", "test", ["0"] * 13 + ["-1"], "published:chexpert"),
        ("train.csv", "train", ["0"] * 13 + ["1"], "published:chexpert"),
    ],
)
def test_chexpert_readers_decide_every_finding(name: str, part: str, cells: list[str], annotator: str, tmp_path: Path) -> None:
    (row,) = read(put(tmp_path, name, f"Study,{CHEXPERT}\nCheXpert-v1.0/{part}/patient64741/study1,{','.join(cells)}\n"))
    assert row.annotator == annotator
    assert row.names == (("folder", "patient64741/study1"),)
    assert row.states["Support Devices"] in (P, U)


@pytest.mark.parametrize(
    ("name", "annotator"), [("train_cheXbert.csv", "published:chexbert"), ("train_visualCheXbert.csv", "published:visualchexbert")]
)
def test_chexpert_programs_beside_the_labeler_are_annotators_of_their_own(name: str, annotator: str, tmp_path: Path) -> None:
    row = f"CheXpert-v1.0/valid/patient00001/study1/view1_frontal.jpg,{','.join(['0.0'] * 13 + ['1.0'])}"
    (found,) = read(put(tmp_path, name, f"Path,{CHEXPERT}\n{row}\n"))
    assert found.annotator == annotator
    assert not is_film_reader(annotator)


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_chexpert_plus_lines_of_json(suffix: str, tmp_path: Path) -> None:
    lines = [
        {"path_to_image": f"train/patient0000{n}/study1/view1_frontal.jpg", "Edema": cell, "Fracture": None, "No Finding": 0.0}
        for n, cell in enumerate((1.0, -1.0, None))
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    rows = read(put(tmp_path, f"findings_fixed{suffix}", text))
    assert {row.annotator for row in rows} == {"published:chexbert:findings"}
    assert [row.names for row in rows] == [(("path", f"patient0000{n}/study1/view1_frontal"),) for n in range(3)]
    assert [row.states["Edema"] for row in rows] == [P, U, S]
    with pytest.raises(InputError, match="cannot be read to its end"):
        read(put(tmp_path, f"report_fixed{suffix}", text + '{"path_to_image": "tr'))


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "1", '{"a": 1}', "", "not json", '{"a": "' + "x" * 2**17 + '"}', "[{}, {}]"])
def test_other_json_is_left_alone(text: str, tmp_path: Path) -> None:
    assert published.recognise(put(tmp_path, "mappings.json", text)) is None


def test_chexpert_columns_are_joined_by_name(tmp_path: Path) -> None:
    swapped = CHEXPERT.replace("Lung Opacity,Lung Lesion", "Lung Lesion,Lung Opacity")
    cells = ["0", "0", "0", "1", "0"] + ["0"] * 9
    for header, finding in ((CHEXPERT, "Lung Opacity"), (swapped, "Lung Lesion")):
        (row,) = read(put(tmp_path, "bc1.csv", f"Study,{header}\nCheXpert-v1.0/test/patient64741/study1,{','.join(cells)}\n"))
        assert positives(row.states) == {finding}


@pytest.mark.parametrize("labeler", ["chexpert", "negbio"])
def test_mimic_labelers_are_two_annotators(labeler: str, tmp_path: Path) -> None:
    text = f"subject_id,study_id,{MIMIC}\n10000032,50414267,,,,,,,,,1.0,,,,-1.0,0.0\n"
    (row,) = read(put(tmp_path, f"mimic-cxr-2.0.0-{labeler}.csv.gz", text))
    assert row.annotator == f"published:mimic-{labeler}"
    assert row.names[0] == ("folder", "s50414267")
    assert {finding: state for finding, state in row.states.items() if state is not S} == {
        "No Finding": P,
        "Pneumothorax": U,
        "Support Devices": N,
    }


def test_mimic_without_its_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its name says neither"):
        read(put(tmp_path, "labels.csv", f"subject_id,study_id,{MIMIC}\n1,2,1.0\n"))


def test_mimic_test_set_is_a_radiologist_on_reports(tmp_path: Path) -> None:
    header = "study_id," + MIMIC.replace("Lung Opacity", "Airspace Opacity")
    (row,) = read(put(tmp_path, "mimic-cxr-2.1.0-test-set-labeled.csv", f"{header}\n50414267,,,,,,,,-1,,,,,0,1\n"))
    assert row.annotator == "published:mimic-test-set"
    assert LABEL_FILES.get("mimic").human[row.annotator] == "report"
    assert row.states["Lung Opacity"] is U
    assert row.states["Pneumothorax"] is N
    assert row.states["Atelectasis"] is S


def test_nih_as_released(tmp_path: Path) -> None:
    text = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],"
        "OriginalImagePixelSpacing[x,y],\n"
        "00000001_001.png,Pleural_Thickening|Emphysema,1,1,58,M,PA,2894,2729,0.14300000000000002,0.14300000000000002,\n"
        "00000002_000.png,No Finding,0,2,81,M,PA,2500,2048,0.171,0.171,\n"
    )
    first, second = read(put(tmp_path, "Data_Entry_2017.csv", text))
    assert positives(first.states) == {"Pleural Thickening", "Emphysema"}
    assert positives(second.states) == {"No Finding"}
    assert set(first.states) == {*findings.NIH_14, "No Finding"}
    assert N not in first.states.values()


def test_nih_boxes_of_one_film_are_one_reading(tmp_path: Path) -> None:
    text = "Image Index,Finding Label,Bbox [x,y,w,h],,,\nA_0.png,Infiltrate,1,2,3,4\nB_0.png,Mass,1,2,3,4\nA_0.png,Effusion,5,6,7,8\n"
    first, second = read(put(tmp_path, "BBox_List_2017.csv", text))
    assert positives(first.states) == {"Infiltration", "Pleural Effusion"}
    assert positives(second.states) == {"Mass"}
    assert set(first.states.values()) == {P, S}


def test_nih_experts(tmp_path: Path) -> None:
    header = "Image Index,Patient ID,Fracture,Pneumothorax,Airspace opacity,Nodule or mass"
    (row,) = read(put(tmp_path, "test_labels.csv", f"{header}\n00000013_026.png,13,NO,YES,YES,NO\n"))
    assert row.states == {"Fracture": N, "Pneumothorax": P, "Lung Opacity": P, "Lung Lesion": N}
    with pytest.raises(InputError, match="line 2"):
        read(put(tmp_path, "test_labels.csv", f"{header}\n00000013_026.png,13,NO,MAYBE,YES,NO\n"))


def test_vindr_boxes_are_readings_of_each_reader(tmp_path: Path) -> None:
    text = (
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
        "aa,Pleural effusion,10,R8,1,2,3,4\naa,No finding,14,R9,,,,\nbb,Aortic enlargement,0,R8,1,2,3,4\n"
        "aa,Clavicle fracture,3,R8,1,2,3,4\naa,Pleural effusion,10,R8,5,6,7,8\n"
    )
    found = published.recognise(put(tmp_path, "train.csv", text))
    assert found is not None
    assert found.layout is not None
    rows = {(row.names[0][1], row.annotator): row.states for row in found.layout.read(found.table)}
    assert rows == {
        ("aa", "published:vindr:R8"): {"Fracture": P, "No Finding": N, "Pleural Effusion": P},
        ("aa", "published:vindr:R9"): {"Fracture": N, "No Finding": P, "Pleural Effusion": N},
        ("bb", "published:vindr:R8"): {"Fracture": N, "No Finding": N, "Pleural Effusion": N},
    }
    assert found.table.unknown == {"Aortic enlargement": 1}


def test_vindr_classes_with_and_without_readers(tmp_path: Path) -> None:
    classes = "Aortic enlargement,Clavicle fracture,Nodule/Mass,Rib fracture,No finding"
    (row,) = read(put(tmp_path, "image_labels_train.csv", f"image_id,rad_id,{classes}\nab,R10,1,1,0,0,0\n"))
    assert row.annotator == "published:vindr:R10"
    assert row.states == {"Fracture": P, "Lung Lesion": N, "No Finding": N}
    (row,) = read(put(tmp_path, "image_labels_test.csv", f"image_id,{classes}\nab,0,0,1,0,0\n"))
    assert row.annotator == "published:vindr:consensus"
    assert row.states == {"Fracture": N, "Lung Lesion": P, "No Finding": N}
    with pytest.raises(InputError, match="line 2"):
        read(put(tmp_path, "image_labels_test.csv", f"image_id,{classes}\nab,,0,1,0,0\n"))


@pytest.mark.parametrize(
    ("answer", "opacity", "normal"), [("Lung Opacity", P, N), ("No Lung Opacity / Not Normal", N, N), ("Normal", N, P)]
)
def test_rsna_classes(answer: str, opacity: LabelState, normal: LabelState, tmp_path: Path) -> None:
    (row,) = read(put(tmp_path, "stage_2_detailed_class_info.csv", f"patientId,class\n0004cfab-14fd,{answer}\n"))
    assert row.states == {"Lung Opacity": opacity, "No Finding": normal}


def test_rsna_boxes_repeat_a_film(tmp_path: Path) -> None:
    text = "patientId,x,y,width,height,Target\na,,,,,0\nb,1.0,2.0,3.0,4.0,1\nb,5.0,6.0,7.0,8.0,1\n"
    rows = read(put(tmp_path, "stage_2_train_labels.csv", text))
    assert [(row.names[0][1], row.states) for row in rows] == [("a", {"Lung Opacity": N}), *[("b", {"Lung Opacity": P})] * 2]
    with pytest.raises(InputError, match="line 2"):
        read(put(tmp_path, "stage_2_train_labels.csv", "patientId,x,y,width,height,Target\na,,,,,2\n"))


def test_siim_minus_one_is_a_denial(tmp_path: Path) -> None:
    rows = read(put(tmp_path, "train-rle.csv", "ImageId, EncodedPixels\n1.2.3, -1\n1.2.4, 557374 2 1015 8\n1.2.4,9 9\n"))
    assert [(row.names[0], row.states["Pneumothorax"]) for row in rows] == [
        (("image", "1.2.3"), N),
        (("image", "1.2.4"), P),
        (("image", "1.2.4"), P),
    ]
    with pytest.raises(InputError, match="line 2"):
        read(put(tmp_path, "train-rle.csv", "ImageId, EncodedPixels\n1.2.3,\n"))
    assert published.recognise(put(tmp_path, "stage_2_sample_submission.csv", "ImageId,EncodedPixels\n1.2.3,-1\n")) is None


def test_padchest_terms_go_up_the_tree(tmp_path: Path) -> None:
    rows = [
        padchest("1_a.png", "Physician", "['laminar atelectasis', ' hydropneumothorax', 'kyphosis', 'unchanged']"),
        padchest("2_b.png", "RNN_model", "['normal']"),
        padchest("3_c.png", "RNN_model", "nan"),
        padchest("4_d.png", "RNN_model", "['', 'exclude']"),
    ]
    found = published.recognise(put(tmp_path, "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz", "\n".join([PADCHEST, *rows, ""])))
    assert found is not None
    assert found.layout is not None
    read = list(found.layout.read(found.table))
    assert [(row.names[0][1], row.annotator) for row in read] == [
        ("1_a", "published:padchest-manual"),
        ("2_b", "published:padchest"),
        ("4_d", "published:padchest"),
    ]
    assert [positives(row.states) for row in read] == [{"Atelectasis", "Pleural Effusion", "Pneumothorax"}, {"No Finding"}, set()]
    assert all(N not in row.states.values() for row in read)
    assert found.table.unknown == {"kyphosis": 1}


@pytest.mark.parametrize("cell", ["__import__('os').getcwd()", "['a'", "{'a': 1}", "[1, 2]", "[" * 5000, "nodule"])
def test_padchest_lists_are_read_and_never_run(cell: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 2 .* holds no list of labels"):
        read(put(tmp_path, "p.csv", f"{PADCHEST}\n{padchest('1.png', 'Physician', cell)}\n"))


def test_padchest_terms_lead_to_findings() -> None:
    from pipeline.collect.label_files._common import crosswalk

    for name in ("padchest_terms.csv", "openi_terms.csv"):
        rows = crosswalk(name)
        assert len(rows) == len(set(rows)) > 40
        assert {finding for _, finding in rows} <= set(findings.NAMES)


OPENI = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><meta type="rr"/><uId id="CXR{uid}"/>
<MedlineCitation><Article><Abstract><AbstractText Label="FINDINGS">Borderline heart; | clear.</AbstractText>
</Abstract></Article></MedlineCitation>
<MeSH>{terms}<automatic>pneumothorax</automatic></MeSH>
<parentImage id="CXR{uid}_1_IM-0001-3001"><figureId>F1</figureId></parentImage><parentImage id="CXR{uid}_1_IM-0001-4001"/></eCitation>
"""


def test_openi_records(tmp_path: Path) -> None:
    terms = "<major>Cardiomegaly/borderline</major><major> Opacity/lung/base/left </major><major>Spine/degenerative</major>"
    found = published.recognise(put(tmp_path, "1.xml", OPENI.format(uid=7, terms=terms)))
    assert found is not None
    assert found.layout is not None
    rows = list(found.layout.read(found.table))
    assert [row.names for row in rows] == [(("path", f"CXR7_1_IM-0001-{view}"), ("path", f"1_IM-0001-{view}")) for view in ("3001", "4001")]
    assert positives(rows[0].states) == {"Cardiomegaly", "Lung Opacity"}
    assert set(rows[0].states.values()) == {P, S}
    assert found.table.unknown == {"spine": 1}


def test_openi_table(tmp_path: Path) -> None:
    text = (
        "uid,MeSH,Problems,image,indication,comparison,findings,impression\n"
        '1,normal,normal,Xray Chest PA,pain,none,"Clear, normal.",Normal.\n'
        '2,"Hernia, Hiatal/large;Thickening/pleura/apex",x,,,,,\n3,No Indexing,No Indexing,,,,,\n4,Costophrenic Angle/blunted,x,,,,,\n'
    )
    rows = read(put(tmp_path, "indiana_reports.csv", text))
    assert [(row.names[0], positives(row.states)) for row in rows] == [
        (("prefix", "1"), {"No Finding"}),
        (("prefix", "2"), {"Hernia", "Pleural Thickening"}),
        (("prefix", "4"), set()),
    ]


@pytest.mark.parametrize("text", ["<eCitation>", "not xml", "<a/>", "<eCitation><uId id='1'/></eCitation>", " " * 2**20 + "<a/>"])
def test_other_xml_is_left_alone(text: str, tmp_path: Path) -> None:
    assert published.recognise(put(tmp_path, "1.xml", text)) is None


# Joins.


def scan(tmp_path: Path, films: list[tuple[str, str]], *files: Path) -> Scan:
    """Films (path, patient) and label files of an export."""
    ledger = Ledger(tmp_path / "ledger.sqlite", "test")
    for index, (path, patient) in enumerate(films):
        ledger.put(Entry(FoundFile(path, 1, ""), 1, f"file{index}", "dicom", "", header=header(index, patient)), f"ACC{index}")
    for path in files:
        ledger.put(Entry(FoundFile(path.name, 1, ""), 1, path.name, "csv" if path.suffix == ".csv" else "other", ""), None)
    ledger.commit()
    return Scan(ledger, Plain(), settings.load(), str(tmp_path), SOURCES.get("dicom_folder"), tmp_path)


class Plain(Pseudonyms):
    """Names that a test can read: the film 1.2.7 is image7."""

    def __init__(self) -> None:
        super().__init__(b"k" * 32)

    def of(self, kind: str, identifier: str) -> str:
        return f"{kind}{identifier.rpartition('.')[2]}"


def header(index: int, patient: str) -> Header:
    return Header(f"1.2.{index}", f"1.3.{index}", None, patient, f"ACC{index}", None, None, ())


def cells(found: labels.Published, state: str = "POSITIVE") -> set[tuple[str, str, str]]:
    rows = found.table.to_pylist()
    return {(row["image_id"], row["annotator"], row["finding"]) for row in rows if row["state"] == state}


@pytest.mark.parametrize(
    ("path", "name", "text"),
    [
        ("images/00000001_000.dcm", "a.csv", "Image Index,Finding Labels\n00000001_000.png,Mass\n"),
        ("x/train/patient00001/study1/view1_frontal.dcm", "a.csv", "Path,Mass,Edema\nC/train/patient00001/study1/view1_frontal.jpg,1.0,\n"),
        ("x/test/patient64741/study1/view1.dcm", "a.csv", "Study,Mass,Edema\nCheXpert/test/patient64741/study1,1,\n"),
        (
            "files/p10/p10000032/s50414267/02aa804e-bde0afdd.dcm",
            "negbio.csv.gz",
            "subject_id,study_id,Mass,Edema\n10000032,50414267,1.0,\n",
        ),
        ("any/name", "a.csv", "SOPInstanceUID,Mass,Edema\n1.2.0,1,\n"),
        ("any/name", "a.csv", "StudyInstanceUID,Mass,Edema\n1.3.0,1,\n"),
        ("any/name", "a.csv", "AccessionNumber,Mass,Edema\nACC0,1,\n"),
        ("NLMCXR/1/1_IM-0001-3001.dcm", "7.xml", OPENI.format(uid=1, terms="<major>Mass/lung</major>")),
        ("NLMCXR/CXR2_IM-0652-1001.dcm", "indiana_reports.csv", "uid,MeSH,Problems\n2,Mass/lung,Mass\n"),
    ],
)
def test_labels_reach_their_film(path: str, name: str, text: str, tmp_path: Path) -> None:
    found = scan(tmp_path, [(path, "p0"), ("elsewhere/other.dcm", "p1")], put(tmp_path, name, text))
    made = labels.read_published(found)
    assert {(image, finding) for image, _, finding in cells(made)} == {("image0", "Mass")}
    assert made.files == {name}


def test_siim_joins_by_uid_or_by_file_name(tmp_path: Path) -> None:
    rle = put(tmp_path, "train-rle.csv", "ImageId, EncodedPixels\n1.2.0,-1\n1.2.826.7,1 2\n")
    made = labels.read_published(scan(tmp_path, [("a/x.dcm", "p0"), ("b/1.2.826.7.dcm", "p1")], rle))
    assert cells(made, "NEGATIVE") == {("image0", "published:siim", "Pneumothorax")}
    assert cells(made) == {("image1", "published:siim", "Pneumothorax")}


def test_a_file_name_that_several_films_bear_names_none(tmp_path: Path) -> None:
    films = [("a/IM0001.dcm", "p0"), ("b/IM0001.dcm", "p1"), ("c/IM0002.dcm", "p1")]
    nih = put(tmp_path, "a.csv", "Image Index,Finding Labels\nIM0001.png,Mass\nIM0002.png,Edema\nIM0003.png,Edema\n")
    made = labels.read_published(scan(tmp_path, films, nih))
    assert cells(made) == {("image2", "published:nih", "Edema")}
    assert [warning.split(" published")[0] for warning in made.warnings] == ["1 rows of", "1 rows of"]
    assert "several films bear" in made.warnings[1]


def test_a_folder_that_holds_two_patients_names_none(tmp_path: Path) -> None:
    mimic = put(tmp_path, "negbio.csv", "subject_id,study_id,Mass,Edema\n1,2,1.0,\n")
    assert not cells(labels.read_published(scan(tmp_path, [("x/s2/a.dcm", "p0"), ("y/s2/b.dcm", "p1")], mimic)))
    both = cells(labels.read_published(scan(tmp_path, [("x/s2/a.dcm", "p0"), ("x/s2/b.dcm", "p0")], mimic)))
    assert {image for image, _, _ in both} == {"image0", "image1"}


def test_contradictions_are_left_out_and_repetitions_are_not(tmp_path: Path) -> None:
    one = put(tmp_path, "a.csv", "AccessionNumber,Mass,Edema\nACC0,1,0\nACC0,1,1\nACC0,1,\n")
    made = labels.read_published(scan(tmp_path, [("a.dcm", "p0")], one))
    assert [(row["finding"], row["state"]) for row in made.table.to_pylist()] == [("Mass", "POSITIVE")]
    assert made.warnings == ("1 published labels were given twice with different values and are left out",)


def test_readers_stay_apart_and_unknown_classes_are_counted(tmp_path: Path) -> None:
    text = "image_id,rad_id,class_name,x_min\nab,R1,Pneumothorax,1\nab,R2,No finding,\nab,R3,ILD,1\nab,R3,ILD,2\n"
    made = labels.read_published(scan(tmp_path, [("ab.dicom", "p0")], put(tmp_path, "annotations_train.csv", text)))
    assert cells(made) == {("image0", "published:vindr:R1", "Pneumothorax"), ("image0", "published:vindr:R2", "No Finding")}
    assert len(made.table) == 6
    assert made.warnings == ("1 published labels (vindr) carry 1 names that no finding covers; most often ILD (1)",)


def test_mimic_splits_join_by_dicom_id(tmp_path: Path) -> None:
    split = put(tmp_path, "mimic-cxr-2.0.0-split.csv.gz", "dicom_id,study_id,subject_id,split\nab-cd,2,1,validate\n")
    made = labels.read_published(scan(tmp_path, [("p10/p1/s2/ab-cd.dcm", "p0")], split))
    assert made.official == {"image0": "validate"}
    assert len(made.table) == 0


# Real files beside the checkout.


def test_chexpert_test_readers_agree_with_the_majority_they_made(shared_data: Path) -> None:
    folder = shared_data / "labels" / "chexpert_test_dev"
    if not folder.is_dir():
        pytest.skip("no CheXpert test labels in ../shared/data")
    truth = {row.names: row for row in read(folder / "truth.csv")}
    assert {row.annotator for row in truth.values()} == {"published:chexpert-test"}
    votes: Counter[tuple[object, str]] = Counter()
    for reader in range(4, 9):
        rows = read(folder / "readers" / f"bc{reader}.csv")
        assert {row.annotator for row in rows} == {f"published:chexpert-test:bc{reader}"}
        votes.update((row.names, finding) for row in rows for finding in positives(row.states))
    pairs = [(names, finding) for names in truth for finding in ("Pleural Effusion", "Support Devices", "Cardiomegaly")]
    agreed = sum((truth[names].states[finding] is P) == (votes[names, finding] >= 3) for names, finding in pairs)
    assert agreed / len(pairs) > 0.85
    given = Counter(state for row in read(folder / "labels.csv") for state in row.states.values())
    with (folder / "labels.csv").open(newline="") as handle:
        raw = Counter(cell for row in list(csv.reader(handle))[1:] for cell in row[1:])
    assert (given[P], given[N], given[U], given[S]) == (raw["1.0"], raw["0.0"], raw["-1.0"], raw[""])


def test_vindr_readers_are_three_a_film(shared_data: Path) -> None:
    path = shared_data / "labels" / "vindr_readers_dev.csv.gz"
    if not path.is_file():
        pytest.skip("no VinDr-CXR readings in ../shared/data")
    rows = read(path)
    films = Counter(row.names for row in rows)
    assert set(films.values()) == {3}
    assert len({row.annotator for row in rows}) == 17
    with gzip.open(path, "rt", newline="") as handle:
        raw = list(csv.DictReader(handle))
    for column, finding in (("No finding", "No Finding"), ("Nodule/Mass", "Lung Lesion"), ("Pulmonary fibrosis", "Fibrosis")):
        assert sum(row.states[finding] is P for row in rows) == sum(row[column] == "1" for row in raw)


def test_nih_experts_of_real_films(shared_data: Path) -> None:
    path = shared_data / "labels" / "nih_vs_google_dev.csv.gz"
    if not path.is_file():
        pytest.skip("no adjudicated ChestX-ray14 labels in ../shared/data")
    with gzip.open(path, "rt", newline="") as handle:
        raw = Counter(row["Pneumothorax"] for row in csv.DictReader(handle))
    found = Counter(row.states["Pneumothorax"] for row in read(path))
    assert (found[P], found[N]) == (raw["YES"], raw["NO"])


@pytest.mark.parametrize(
    ("annotator", "is_reader"),
    [
        ("reader:a", True),
        ("published:vindr:R8", True),
        ("published:chexpert-test", True),
        ("published:chexpert-test:bc4", True),
        ("published:chexpert", False),
        ("published:nih", False),
        ("published:padchest-manual", False),
        ("rules", False),
    ],
)
def test_readers_of_films_are_told_from_readers_of_reports_and_programs(annotator: str, is_reader: bool) -> None:
    assert is_film_reader(annotator) is is_reader
