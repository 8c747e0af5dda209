"""Files of boxes in the layouts as published, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.base.errors import InputError
from pipeline.localise.boxes import Box, read

NIH = """Image Index,Finding Label,Bbox [x,y,w,h],,,
00013118_008.png,Atelectasis,225.084745762712,547.019216763771,86.7796610169491,79.1864406779661,,,
00014716_007.png,Infiltrate,686.101694915254,131.543498748903,185.491525423729,313.491525423729,,,
00013118_008.png,Effusion,10,20,30,40,,,
"""
RSNA = """patientId,x,y,width,height,Target
0004cfab-14fd-4e49-80ba-63a80b6bddd6,,,,,0
00436515-870c-4b36-a041-de91049b9ab4,264.0,152.0,213.0,379.0,1
00436515-870c-4b36-a041-de91049b9ab4,562.0,152.0,256.0,453.0,1
"""
VINDR = """image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max
50a418190bc3fb1ef1633bf9678929b3,No finding,14,R11,,,,
9a5094b2563a1ef3ff50dc5c7ff71345,Cardiomegaly,3,R10,691.0,1375.0,1653.0,1831.0
9a5094b2563a1ef3ff50dc5c7ff71345,Cardiomegaly,3,R9,700.0,1370.0,1650.0,1840.0
9a5094b2563a1ef3ff50dc5c7ff71345,Aortic enlargement,0,R10,904.0,700.0,1207.0,1000.0
051132a778e61a86eb147c7c6f564dfe,Nodule/Mass,8,R9,1264.0,743.0,1611.0,1019.0
"""


def written(folder: Path, text: str, name: str = "boxes.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_chestxray14(tmp_path: Path) -> None:
    found = read(written(tmp_path, NIH, "BBox_List_2017.csv"))
    assert found.layout == "ChestX-ray14"
    assert [box.finding for box in found.boxes] == ["Atelectasis", "Infiltration", "Pleural Effusion"]
    assert found.boxes[2] == Box("00013118_008", "00013118", "Pleural Effusion", 10, 20, 40, 60)
    assert not found.unknown


def test_rsna(tmp_path: Path) -> None:
    found = read(written(tmp_path, RSNA, "stage_2_train_labels.csv"))
    film = "00436515-870c-4b36-a041-de91049b9ab4"
    assert found.layout == "RSNA"
    assert found.boxes == (Box(film, film, "Lung Opacity", 264, 152, 477, 531), Box(film, film, "Lung Opacity", 562, 152, 818, 605))


def test_vindr_keeps_every_reader_and_counts_what_has_no_finding(tmp_path: Path) -> None:
    found = read(written(tmp_path, VINDR, "train.csv"))
    assert found.layout == "VinDr-CXR"
    assert [(box.film[:4], box.finding, box.x_max) for box in found.boxes] == [
        ("9a50", "Cardiomegaly", 1653),
        ("9a50", "Cardiomegaly", 1650),
        ("0511", "Lung Lesion", 1611),
    ]
    assert found.unknown == {"Aortic enlargement": 1}


def test_vindr_without_class_id_as_published_on_physionet(tmp_path: Path) -> None:
    text = "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\nabc,R1,Pneumothorax,1.5,2,3,4\nabc,R2,No finding,,,,\n"
    assert read(written(tmp_path, text)).boxes == (Box("abc", "abc", "Pneumothorax", 1.5, 2, 3, 4),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "no known file of boxes"),
        ("", "no known file of boxes"),
        (RSNA + "secret-id,1,2,three,4,1\n", "line 5 of boxes.csv does not hold four numbers"),
        (RSNA + "secret-id,1,2,0,4,1\n", "line 5 of boxes.csv has no area"),
        (VINDR + "secret-id,Edema,1,R1,9,1,3,4\n", "line 7 of boxes.csv has no area"),
        (VINDR + "secret-id,Edema,1,R1,nan,1,3,4\n", "line 7 of boxes.csv has no area"),
        ("Image Index,Finding Label,Bbox [x,y,w,h],,,\nsecret-id.png,Mass,1,2\n", "line 2 of boxes.csv does not hold four numbers"),
    ],
)
def test_what_is_no_box_is_refused_by_its_line_alone(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(written(tmp_path, text))
    assert said in caught.value.message
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.csv")
