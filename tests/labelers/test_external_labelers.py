"""Labelers run as programs, against twin programs that honour the same files: the CheXpert labeler's CSV and NegBio's BioC XML."""

from __future__ import annotations

import itertools
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from labelers._offsets import align, sentence_around
from labelers._process import ToolError, masked
from pipeline.base.findings import CHEXPERT_14
from pipeline.base.interfaces import LABELERS
from pipeline.base.labels import LabeledReport, LabelState
from pipeline.base.reports import Report
from pipeline.label.reading import read_all, reader

pytest.importorskip("bioc")

P, N, U, _ = LabelState.POSITIVE, LabelState.NEGATIVE, LabelState.UNCERTAIN, LabelState.UNMENTIONED
# Upstream's order of columns, which is not ours.
UPSTREAM = """No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Lesion,Lung Opacity,Edema,Consolidation,Pneumonia,Atelectasis,
Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices""".replace("\n", "").split(",")

COMMON = """
import os, pathlib, re, signal, subprocess, sys, time
source, target, mode = sys.argv[1:4]
here = pathlib.Path(__file__).parent
with open(here / "calls", "a") as calls:
    calls.write("x")
TERMS = {"effusion": "Pleural Effusion", "pneumothorax": "Pneumothorax", "cardiomegaly": "Cardiomegaly", "edema": "Edema",
         "pacemaker": "Support Devices", "scoliosis": "No Finding", "heart failure": "Edema"}
if mode == "fail":
    print(open(source).read(), file=sys.stderr)
    raise ImportError("No module named bllipparser in " + repr(open(source).read()[-300:]))
if mode == "silent":
    sys.exit(0)
if mode == "hang":
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", stubborn], stdout=subprocess.PIPE)
    child.stdout.read(1)
    (here / "pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)
def state(sentence, start):
    before = sentence[:start].lower()
    return 0 if re.search(r"\\bno\\b", before) else -1 if re.search(r"\\b(possible|may)\\b", before) else 1
def clean(text):
    text = re.sub("(?<=[a-z])/(?=[a-z])", " or ", text.lower().replace("and/or", "or")).replace("..", ".")
    return " ".join(text.replace(",", ", ").replace(".", ". ").split())
"""

CHEXPERT_TWIN = (
    COMMON
    + """
import csv
COLUMNS = "@UPSTREAM@".split(",")
with open(source, newline="", encoding="utf-8") as stream:
    reports = [row[0] for row in csv.reader(stream)]
rows = []
for report in reports:
    said = {}
    for sentence in re.split(r"(?<=[.])\\s", clean(report)):
        for term, category in TERMS.items():
            if term in sentence:
                said.setdefault(category, []).append(state(sentence, sentence.index(term)))
    labels = {name: 1 if 1 in votes else -1 if -1 in votes else 0 for name, votes in said.items()}
    labels.pop("No Finding", None)
    if not any(vote for name, votes in said.items() for vote in votes if name != "Support Devices"):
        labels["No Finding"] = 1
    rows.append([report] + [f"{labels[name]:.1f}" if name in labels else "" for name in COLUMNS])
if mode == "missing":
    rows.pop(1)
if mode == "reordered":
    rows[0], rows[1] = rows[1], rows[0]
if mode == "foreign":
    rows[1][0] = "somebody else's report."
if mode == "strange":
    rows[1][5] = "2.0"
if mode == "columns":
    COLUMNS.remove("Edema"); rows = [row[:6] + row[7:] for row in rows]
with open(target, "w", newline="", encoding="utf-8") as stream:
    csv.writer(stream).writerows([["Reports", *COLUMNS], *rows])
if mode == "binary":
    open(target, "wb").write(b"Reports\\n\\xff\\xfe")
"""
).replace("@UPSTREAM@", ",".join(UPSTREAM))

NEGBIO_TWIN = (
    COMMON
    + """
import xml.etree.ElementTree as ET
tree = ET.parse(source)
for document in tree.iter("document"):
    votes, number = {}, 0
    for passage in document.iter("passage"):
        offset, node = int(passage.find("offset").text), passage.find("text")
        if mode in ("main", "main_cut"):
            node.text = clean(node.text)
        text = node.text
        for match in re.finditer(r"\\S[^.]*[.]?", text):
            sentence = ET.SubElement(passage, "sentence")
            ET.SubElement(sentence, "offset").text = str(offset + match.start())
            ET.SubElement(sentence, "text").text = match[0]
            for term, category in TERMS.items():
                for hit in re.finditer(term, match[0], re.I):
                    made = ET.SubElement(passage, "annotation", id=str(number)); number += 1
                    vote = state(match[0], hit.start())
                    votes.setdefault(category, []).append(vote)
                    infons = {"term": term, "observation": category, "CUI": "None", "annotator": "CheXpert labeler"}
                    if mode == "concepts":
                        infons = {"CUI": {"effusion": "C0032227"}.get(term, "C0000000")}
                    if vote < 1:
                        infons["negation" if vote == 0 else "uncertainty"] = "True"
                    for key, value in infons.items():
                        ET.SubElement(made, "infon", key=key).text = value
                    start = offset + match.start() + hit.start() + (mode == "shifted")
                    ET.SubElement(made, "location", offset=str(start), length=str(len(term)))
                    ET.SubElement(made, "text").text = match[0][hit.start():hit.end()]
        if mode == "main":
            for sentence in passage.findall("sentence"):
                passage.remove(sentence)
    if mode == "main":
        present = any(vote for name, said in votes.items() for vote in said if name != "Support Devices")
        answers = {name: 1 if 1 in said else -1 if -1 in said else 0 for name, said in votes.items() if name != "No Finding"}
        for name, vote in answers.items() if present else [("No Finding", 1), *answers.items()]:
            infon = ET.Element("infon", key="CheXpert/" + name)
            infon.text = {1: "Positive", 0: "Negative", -1: "Uncertain"}[vote]
            document.insert(1, infon)
root, documents = tree.getroot(), list(tree.iter("document"))
if mode == "missing":
    root.remove(documents[1])
if mode == "foreign":
    documents[1].find("id").text = "77"
if mode == "swapped":
    documents[0].find("id").text, documents[1].find("id").text = "1", "0"
if mode == "reordered":
    root.remove(documents[0]); root.append(documents[0])
if mode == "first_passage":
    for document in documents:
        for passage in document.findall("passage")[1:]:
            document.remove(passage)
if mode == "logs":
    print("ERROR:root:Cannot process 1", file=sys.stderr)
if mode == "folder":
    os.mkdir(target)
    for document in documents[1:]:
        root.remove(document)
    tree.write(target + "/a.neg.xml", encoding="utf-8")
    root.remove(documents[0]); root.extend(documents[1:])
    target += "/b.neg.xml"
tree.write(target, encoding="utf-8", xml_declaration=True)
if mode == "broken":
    open(target, "w").write("<collection><document><id>0</id>")
if mode == "no_offset":
    open(target, "w").write("<collection><document><id>0</id><passage/></document></collection>")
"""
)

HARD = [
    'FINDINGS: Small "trace" effusion,no pneumothorax;\nheart, lungs and "bones" fine.\nIMPRESSION: Possible edema.',
    "No effusion/pneumothorax..\r\n\r\nPacemaker in place.",
    "\u0130stanbul: \U0001f600 caf\u00e9 \u2014 no\x00 effusion; ___ XXXX [**Name**] may be edema\u2028cardiomegaly",
    "FINDINGS: Cardiomegaly. FINDINGS AGAIN.\nINDICATION: Pneumothorax?\nIMPRESSION:\n1. No edema.\n2. Cardiomegaly, effusion.",
    "None",
]


@pytest.fixture
def twin(tmp_path: Path) -> Any:
    """The options that run a twin, by labeler and mode."""

    def options(name: str, mode: str = "plain", **more: Any) -> dict[str, Any]:
        script = tmp_path / f"{name}_twin.py"
        script.write_text({"chexpert": CHEXPERT_TWIN, "negbio": NEGBIO_TWIN}[name], encoding="utf-8")
        return {"command": [sys.executable, "-I", "-S", str(script), "{input}", "{output}", mode], **more}

    return options


def read(name: str, texts: list[str], options: dict[str, Any], work: Path | None = None) -> list[LabeledReport]:
    reports = [Report.of(f"r{index}", text) for index, text in enumerate(texts)]
    return [answer for _, answer in read_all(reader(name, options), reports, work)]


def states(answer: LabeledReport) -> dict[str, LabelState]:
    return {label.finding: label.state for label in answer.labels if label.state is not LabelState.UNMENTIONED}


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text())


def marked(text: str, answer: LabeledReport) -> list[tuple[str, LabelState, str]]:
    return [(one.finding, one.state, text[one.start : one.end]) for one in answer.mentions]


BOTH = pytest.mark.parametrize("name", ["chexpert", "negbio"])
TEXTS = ["Small effusion.", "No pneumothorax.", "Possible edema. No effusion.", "Pacemaker.", "Clear."]
TRUTH: list[dict[str, LabelState]] = [
    {"Pleural Effusion": P},
    {"Pneumothorax": N, "No Finding": P},
    {"Edema": U, "Pleural Effusion": N},
    {"Support Devices": P, "No Finding": P},
    {"No Finding": P},
]


@BOTH
@pytest.mark.parametrize("size", [1, 2, 5, 500])
def test_batches_of_any_size_give_the_same_labels(name: str, size: int, twin: Any, tmp_path: Path) -> None:
    assert [states(one) for one in read(name, TEXTS, twin(name, batch_reports=size))] == TRUTH
    assert calls(tmp_path) == -(-len(TEXTS) // size)


@BOTH
def test_hard_texts_come_through(name: str, twin: Any) -> None:
    answers = read(name, HARD, twin(name))
    assert states(answers[0]) == {"Pleural Effusion": P, "Pneumothorax": N, "Edema": U}
    assert states(answers[1])["Support Devices"] is P
    assert states(answers[2])["Pleural Effusion"] is N
    assert states(answers[3]) == {"Cardiomegaly": P, "Edema": N, "Pleural Effusion": P}
    assert states(answers[4]) == {"No Finding": P}


@BOTH
def test_a_report_without_letters_is_answered_without_the_tool(name: str, twin: Any, tmp_path: Path) -> None:
    answers = read(name, ["", " \n", "___ 12.", "INDICATION: Effusion?"], twin(name, "fail"))
    assert [states(one) for one in answers] == [{}] * 4
    assert all(sorted(label.finding for label in one.labels) == sorted(CHEXPERT_14) for one in answers)
    assert not (tmp_path / "calls").exists()


@BOTH
def test_sections_handed_over_are_chosen(name: str, twin: Any) -> None:
    text = "FINDINGS: Effusion.\nIMPRESSION: No edema."
    assert states(read(name, [text], twin(name, sections=["impression"]))[0]) == {"Edema": N, "No Finding": P}


@BOTH
def test_reports_are_taken_batch_by_batch(name: str, twin: Any) -> None:
    taken = itertools.count()

    def endless() -> Iterator[Report]:
        for index in itertools.count():
            next(taken)
            yield Report.of(f"r{index}", "Effusion.")

    labeler = LABELERS.get(name)
    answers = labeler.read(endless(), labeler.Options(**twin(name, batch_reports=3)))
    assert [states(answer) for answer in itertools.islice(answers, 4)] == [{"Pleural Effusion": P}] * 4
    assert next(taken) == 6


@BOTH
def test_a_finished_batch_is_not_run_again(name: str, twin: Any, tmp_path: Path) -> None:
    work = tmp_path / "work"
    first = read(name, TEXTS, twin(name, batch_reports=2), work)
    assert calls(tmp_path) == 3
    assert read(name, TEXTS, twin(name, batch_reports=2, timeout_s=9), work) == first
    assert calls(tmp_path) == 3
    read(name, [*TEXTS[:3], "Effusion and more.", *TEXTS[4:]], twin(name, batch_reports=2), work)
    assert calls(tmp_path) == 4
    read(name, TEXTS[:2], twin(name, batch_reports=2, tool_version="2"), work)
    assert calls(tmp_path) == 5
    assert len(list((work / name).iterdir())) == 5
    assert not any("Effusion" in path.name for path in work.rglob("*"))


@BOTH
def test_a_batch_that_fails_leaves_the_others(name: str, twin: Any, tmp_path: Path) -> None:
    work, labeler = tmp_path / "work", LABELERS.get(name)
    options = labeler.Options(**twin(name, batch_reports=2))
    reports = [Report.of(f"r{index}", text) for index, text in enumerate(TEXTS)]
    answers = labeler.read(iter(reports), options, work)
    before = [next(answers), next(answers)]
    script = tmp_path / f"{name}_twin.py"
    good = script.read_text(encoding="utf-8")
    script.write_text("raise SystemExit(3)")
    with pytest.raises(ToolError, match="exit status 3"):
        next(answers)
    assert len(list((work / name).iterdir())) == 1
    script.write_text(good, encoding="utf-8")
    assert list(labeler.read(iter(reports), options, work))[:2] == before
    assert calls(tmp_path) == 3


@BOTH
def test_a_tool_that_takes_too_long_is_ended_with_its_children(name: str, twin: Any, tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ToolError, match=r"longer than 1 s for a batch of 1 reports") as raised:
        read(name, ["Effusion."], twin(name, "hang", timeout_s=1), tmp_path / "work")
    assert time.monotonic() - started < 8
    assert f"label.options.{name}.timeout_s" in raised.value.remedy
    for pid in (tmp_path / "pids").read_text().split():
        assert _is_gone(int(pid))
    assert list((tmp_path / "work" / name).iterdir()) == []


def _is_gone(pid: int) -> bool:
    """Within two seconds the process is no more, or a zombie whose parent has not asked for it."""
    for _attempt in range(40):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@BOTH
def test_no_word_of_a_report_is_in_an_error(name: str, twin: Any) -> None:
    texts = ["Zyzzyva effusion of Mr Brontosaurus, MRN 4711-0815.", "Qwertz\nUiopasdf \u00dcbung."]
    with pytest.raises(ToolError, match="exit status 1") as raised:
        read(name, texts, twin(name, "fail"))
    message = str(raised.value).casefold()
    assert "importerror" in message
    assert "bllipparser" in message
    for word in ("zyzzyva", "effusion", "brontosaurus", "4711", "0815", "qwertz", "uiopasdf", "\u00fcbung", "bung"):
        assert word not in message


def test_masking_hides_words_and_what_holds_them() -> None:
    texts = ["Large effusion. Room 7.", "Jane Doe"]
    assert masked(r"ValueError: b'no\neffusion' xeffusionx effus Room-7 JANE", texts) == "ValueError: b'no …' … … …-… …"
    assert masked("FileNotFoundError: pattern.txt", texts) == "FileNotFoundError: pattern.txt"


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("missing", "given 5 reports and answered with 4 rows"),
        ("reordered", "row 1 of .* is not the report of row 1"),
        ("foreign", "row 2 of .* is not the report of row 2"),
        ("strange", "row 2 .* Edema|row 2 .* Lung Opacity"),
        ("columns", "no column Edema"),
        ("binary", "not a CSV in UTF-8"),
        ("silent", "wrote nothing"),
    ],
)
def test_a_wrong_table_is_refused(mode: str, words: str, twin: Any, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=words) as raised:
        read("chexpert", TEXTS, twin("chexpert", mode), tmp_path / "work")
    assert "effusion" not in str(raised.value).casefold()
    assert raised.value.remedy
    assert list((tmp_path / "work" / "chexpert").iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("missing", "lacks 1 of the 5 documents"),
        ("foreign", "lacks 1 of the 5 documents"),
        ("swapped", "report r0 lacks its section body, or holds another text"),
        ("broken", r"no BioC XML \(XMLSyntaxError\)"),
        ("no_offset", r"no BioC XML \(TypeError\)"),
        ("shifted", "report r0 has offsets 7 to 15, where its words are not"),
        ("concepts", "names no observation"),
        ("logs", "logged 1 times that it could not process"),
        ("silent", "wrote nothing"),
    ],
)
def test_a_wrong_collection_is_refused(mode: str, words: str, twin: Any, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=words) as raised:
        read("negbio", TEXTS, twin("negbio", mode), tmp_path / "work")
    assert "effusion" not in str(raised.value).casefold()
    assert list((tmp_path / "work" / "negbio").iterdir()) == []


def test_a_lost_section_is_refused(twin: Any) -> None:
    text = "FINDINGS: Effusion.\nIMPRESSION: No edema."
    with pytest.raises(ToolError, match="r0 lacks its section impression"):
        read("negbio", [text], twin("negbio", "first_passage"))


@pytest.mark.parametrize("mode", ["reordered", "folder", "main"])
def test_documents_are_told_by_their_ids_and_may_lie_in_many_files(mode: str, twin: Any) -> None:
    assert [states(one) for one in read("negbio", TEXTS, twin("negbio", mode))] == TRUTH


def test_accepted_failures_go_on(twin: Any) -> None:
    assert [states(one) for one in read("negbio", TEXTS, twin("negbio", "logs", allow_failures=True))] == TRUTH


def test_concepts_of_metamap_become_findings(twin: Any, tmp_path: Path) -> None:
    chosen = twin("negbio", "concepts", concepts={"C0032227": "Effusion"})
    answers = read("negbio", TEXTS[:2], chosen, tmp_path / "work")
    assert [states(one) for one in answers] == [{"Pleural Effusion": P}, {"No Finding": P}]
    again = twin("negbio", "concepts", concepts={"C0032227": "Edema"})
    assert states(read("negbio", TEXTS[:2], again, tmp_path / "work")[0]) == {"Edema": P}
    assert calls(tmp_path) == 1


@pytest.mark.parametrize("mode", ["plain", "main"])
def test_mentions_point_into_our_text(mode: str, twin: Any) -> None:
    answers = read("negbio", HARD, twin("negbio", mode))
    assert marked(HARD[0], answers[0]) == [
        ("Pleural Effusion", P, "effusion"),
        ("Pneumothorax", N, "pneumothorax"),
        ("Edema", U, "edema"),
    ]
    assert [one.section for one in answers[0].mentions] == ["findings", "findings", "impression"]
    assert marked(HARD[1], answers[1]) == [
        ("Pleural Effusion", N, "effusion"),
        ("Pneumothorax", N, "pneumothorax"),
        ("Support Devices", P, "Pacemaker"),
    ]
    assert [words for *_, words in marked(HARD[2], answers[2])] == ["effusion", "edema", "cardiomegaly"]
    assert marked(HARD[3], answers[3]) == [
        ("Cardiomegaly", P, "Cardiomegaly"),
        ("Edema", N, "edema"),
        ("Cardiomegaly", P, "Cardiomegaly"),
        ("Pleural Effusion", P, "effusion"),
    ]
    sentences = [HARD[3][one.sentence_start : one.sentence_end] for one in answers[3].mentions]
    assert sentences[0] == "Cardiomegaly."
    assert sentences[1].endswith("No edema.")
    assert sentences[2] == sentences[3] == "Cardiomegaly, effusion."
    assert answers[3].mentions[0].rule_ids == ("term:cardiomegaly",)


def test_evidence_of_a_label_is_what_decided_it(twin: Any) -> None:
    (answer,) = read("negbio", ["No effusion. Effusion may recur. Heart failure. Scoliosis."], twin("negbio"))
    by_finding = {label.finding: label for label in answer.labels}
    assert by_finding["Pleural Effusion"].state is P
    assert [answer.mentions[index].state for index in by_finding["Pleural Effusion"].evidence] == [P]
    # Heart failure makes Cardiomegaly uncertain (CheXpert labeler, stages/aggregate.py).
    assert by_finding["Cardiomegaly"].state is U
    assert [answer.mentions[index].finding for index in by_finding["Cardiomegaly"].evidence] == ["Edema"]
    assert by_finding["No Finding"].state is _


def test_an_abnormality_outside_the_categories_keeps_a_report_from_being_normal(twin: Any) -> None:
    (answer,) = read("negbio", ["Scoliosis. No effusion."], twin("negbio"))
    assert states(answer) == {"Pleural Effusion": N}
    assert [one.finding for one in answer.mentions] == ["Pleural Effusion"]


def test_a_collection_survives_the_library_unchanged(tmp_path: Path) -> None:
    from bioc import biocxml

    from labelers import _bioc

    reports = [Report.of(f"r{index}", text) for index, text in enumerate(HARD)]
    made = _bioc.collection([(report, report.sections) for report in reports])
    path = tmp_path / "collection.xml"
    _bioc.write(path, made)
    back = _bioc.read(path, len(reports))
    assert [document.id for document in back] == ["0", "1", "2", "3", "4"]
    for report, document in zip(reports, back, strict=True):
        for section, passage in zip(report.sections, document.passages, strict=True):
            assert (passage.offset, passage.infons["section"]) == (section.start, section.name)
            assert len(passage.text) == section.end - section.start
            assert passage.text.translate({10: " "}) == report.text[section.start : section.end].translate({0: " ", 10: " ", 13: " "})
    with path.open("rb") as stream:
        assert biocxml.dumps(biocxml.load(stream)) == biocxml.dumps(made) == path.read_text(encoding="utf-8")


@BOTH
def test_what_is_missing_is_said_with_its_remedy(name: str, tmp_path: Path) -> None:
    labeler = LABELERS.get(name)
    command = "{input} {output}"
    assert f"label.options.{name}.command" in labeler.missing(labeler.Options())
    assert "PATH has no program no_such_tool" in labeler.missing(labeler.Options(command=f"no_such_tool {command}"))
    assert "no executable file ./label.py" in labeler.missing(labeler.Options(command=f"./label.py {command}", folder=tmp_path))
    assert "does not exist" in labeler.missing(labeler.Options(command=f"{sys.executable} {command}", folder=tmp_path / "gone"))
    tool = tmp_path / "label.py"
    tool.touch(mode=0o755)
    assert labeler.missing(labeler.Options(command=f"./label.py {command}", folder=tmp_path)) is None
    assert labeler.missing(labeler.Options(command=f"{shlex.quote(sys.executable)} {command}")) is None


@BOTH
def test_a_command_without_its_files_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"has no \{output\}"):
        LABELERS.get(name).Options(command="label {input}")


@BOTH
def test_a_command_in_one_line_is_split_but_seen_by_no_shell(name: str, twin: Any, tmp_path: Path) -> None:
    parts = twin(name)["command"]
    line = shlex.join(parts) + " '$(touch hacked); > hacked'"
    assert states(read(name, ["Effusion."], {"command": line, "folder": tmp_path})[0]) == {"Pleural Effusion": P}
    assert not (tmp_path / "hacked").exists()


@BOTH
def test_the_version_tells_commands_apart(name: str) -> None:
    labeler = LABELERS.get(name)

    def version(**options: Any) -> str:
        return labeler.version(labeler.Options(**{"command": "a {input} {output}", **options}))

    assert version() == version(batch_reports=7, timeout_s=7)
    assert len({version(), version(command="b {input} {output}"), version(tool_version="1"), version(sections=["impression"])}) == 4
    assert version(tool_version="1.2").startswith("1.2+")


def test_concepts_must_be_findings() -> None:
    with pytest.raises(ValidationError, match="no finding is called 'Nonsense'"):
        LABELERS.get("negbio").Options(concepts={"C1": "Nonsense"})
    with pytest.raises(ValidationError, match="Nodule is none of CheXpert's findings"):
        LABELERS.get("negbio").Options(concepts={"C1": "Nodule"})


def test_a_place_is_found_again_in_a_changed_text() -> None:
    ours = "Heart\n size and/or  EFFUSION/edema,none.. Effusion"
    theirs = "heart size or effusion or edema, none. effusion"
    found = align(theirs, ours)

    def place(words: str, number: int = 0) -> str | None:
        start = [at for at in range(len(theirs)) if theirs.startswith(words, at)][number]
        span = found.place(start, start + len(words))
        return span and ours[span[0] : span[1]]

    assert place("effusion") == "EFFUSION"
    assert place("effusion", 1) == "Effusion"
    assert place("fusi") == "FUSI"
    assert place("heart size") == "Heart\n size"
    assert place("effusion or edema") == "EFFUSION/edema"
    assert align("other words", ours).place(0, 5) is None


def test_the_sentence_around_a_place() -> None:
    text = "One 1.5 cm. Two words here! Three\nlines\n\nFour"
    for words, sentence in [("1.5", "One 1.5 cm."), ("words", "Two words here!"), ("lines", "Three\nlines"), ("Four", "Four")]:
        start = text.index(words)
        left, right = sentence_around(text, start, start + len(words))
        assert text[left:right] == sentence
