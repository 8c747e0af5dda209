"""Runs negspacy or medspaCy for `bench_labelers.py`, in that peer's own environment: one JSON line in, one JSON line out.

    python labelers.py negspacy|medspacy LEXICON.json

LEXICON.json: [[phrase, {finding: state}], ...]; a phrase without findings is a trap: it is matched and means nothing.
Requests, and the field that answers them beside `cpu_s`, the CPU seconds of the work without reading and writing it:

    {"task": "spans", "items": [[text, start, end], ...]}   "states": one state for each span
    {"task": "reports", "texts": [text, ...]}               "labels": {finding: state} for each report
    {"task": "about"}                                       "version", "python", "rss_mb"

States are 1 present, 0 absent, -1 uncertain, and null for a mention that is no statement about the film (history, family, hypothetical).
Here belongs only how a peer is called, with its default rules; this file needs nothing but the peer and the standard library.
"""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from importlib.metadata import version

STRENGTH = (0, -1, 1)


class Negspacy:
    """spaCy's blank English pipeline and rule sentencizer, its phrase matcher for the lexicon, and negspacy's clinical terms."""

    package = "negspacy"

    def __init__(self, phrases):
        import negspacy.negation  # noqa: F401  registers "negex"
        import spacy

        self.spans = spacy.blank("en")
        self.spans.add_pipe("sentencizer")
        self.spans.add_pipe("negex")
        self.reports = spacy.blank("en")
        self.reports.add_pipe("sentencizer")
        ruler = self.reports.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
        ruler.add_patterns([{"label": str(number), "pattern": phrase} for number, phrase in enumerate(phrases)])
        self.reports.add_pipe("negex")

    def state(self, entity):
        """0 where negated, else 1: negspacy knows no doubt."""
        return 0 if entity._.negex else 1


class Medspacy:
    """medspaCy's default pipeline: its tokenizer, PyRuSH sentences, its target matcher for the lexicon, and ConText's rules."""

    package = "medspacy"

    def __init__(self, phrases):
        from loguru import logger

        logger.remove()  # PyRuSH logs every token of every text, which is slow and no place for reports
        import medspacy
        from medspacy.ner import TargetRule

        self.spans = medspacy.load(medspacy_enable=("medspacy_tokenizer", "medspacy_pyrush", "medspacy_context"))
        self.reports = medspacy.load()
        self.reports.get_pipe("medspacy_target_matcher").add([TargetRule(phrase, str(number)) for number, phrase in enumerate(phrases)])

    def state(self, entity):
        """ConText's categories; of several the one that denies most wins."""
        if entity._.is_negated:
            return 0
        if entity._.is_historical or entity._.is_hypothetical or entity._.is_family:
            return None
        return -1 if entity._.is_uncertain else 1


PEERS = {"negspacy": Negspacy, "medspacy": Medspacy}


def span_state(peer, text, start, end):
    """The state that a peer gives the characters `start` to `end` of a text."""
    doc = peer.spans.make_doc(text)
    doc.ents = [doc.char_span(start, end, label="concept", alignment_mode="expand")]
    for _, component in peer.spans.pipeline:
        doc = component(doc)
    return peer.state(doc.ents[0])


def report_labels(peer, doc, meanings):
    """The strongest state of each finding over a report's mentions: present, uncertain, absent."""
    labels = {}
    for entity in doc.ents:
        state = peer.state(entity)
        if state is None:
            continue
        for finding, meant in meanings[int(entity.label_)].items():
            found = meant if meant == 0 or state == 1 else state
            labels[finding] = max(found, labels.get(finding, found), key=STRENGTH.index)
    return labels


def answer(peer, meanings, request):
    """The answer to one request."""
    started = time.process_time()
    if request["task"] == "spans":
        found = {"states": [span_state(peer, *item) for item in request["items"]]}
    elif request["task"] == "reports":
        found = {"labels": [report_labels(peer, doc, meanings) for doc in peer.reports.pipe(request["texts"])]}
    else:
        rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found = {"version": version(peer.package), "python": platform.python_version(), "rss_mb": round(rss_mb)}
    return {**found, "cpu_s": time.process_time() - started}


def main():
    """Answer requests until the input ends; what a package prints goes to the error stream."""
    answers, sys.stdout = sys.stdout, sys.stderr
    name, lexicon = sys.argv[1:]
    with open(lexicon, encoding="utf-8") as handle:  # noqa: PTH123  pathlib would be one import more
        rows = json.load(handle)
    peer = PEERS[name]([phrase for phrase, _ in rows])
    meanings = [meaning for _, meaning in rows]
    for line in sys.stdin:
        print(json.dumps(answer(peer, meanings, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
