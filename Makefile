# The commands of the house. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Test processes; each trains small networks on its own, so more than the cores only waits.
JOBS ?= 2
PORT ?= 3000
PATIENTS ?= 300

.PHONY: help demo test test-upstream ui check format lint types imports docs bench golden system
.PHONY: new-source new-label_file new-rule new-labeler new-policy new-detector new-model new-loss new-zoo new-format

help:  ## list the targets
	@grep -hE '^[a-z-]+( [a-z-]+)*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-18s %s\n", $$1, $$2}'
	@echo "  make new-SEAM NAME=x    a working plug-in and its test; SEAM: source label_file rule labeler policy detector model loss zoo format"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: make PYTHON=python3.11 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv: about 6 GB on disk, a few minutes the first time."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . --group dev
	@touch $@

demo: $(STAMP)  ## a sample hospital through the whole path, with a report at the end (PATIENTS=300)
	@$(BIN)/cxr demo --to demo --patients $(PATIENTS)

test: $(STAMP)  ## the whole test suite
	@.ci/system-packages.sh
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

test-upstream: $(STAMP)  ## models, losses and label files against the packages they come from, which go into .upstream
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .upstream -r tests/models/zoo/upstream.txt
	@PYTHONPATH=.upstream $(BIN)/python -m pytest -n $(JOBS) --dist loadfile tests/models tests/collect/test_sources_full.py $(ARGS)

ui: export DAGSTER_HOME = $(CURDIR)
ui: export DAGSTER_DISABLE_TELEMETRY = 1
ui: export CXR_DAGSTER_STORAGE ?= $(CURDIR)/.dagster
ui: export CXR_EXPORT ?= $(CURDIR)/demo/sample/export
ui: export CXR_HOME ?= $(CURDIR)/demo/home
ui: $(STAMP)  ## the Dagster UI on localhost (PORT=3000; CXR_EXPORT and CXR_HOME choose the data, else the demo's)
	@mkdir -p "$$CXR_DAGSTER_STORAGE"
	@if [ "$$CXR_EXPORT" = "$(CURDIR)/demo/sample/export" ] && [ ! -d "$$CXR_EXPORT" ]; then $(BIN)/cxr sample --to demo/sample --patients $(PATIENTS); fi
	@$(BIN)/dagster dev -m pipeline.definitions -h 127.0.0.1 -p $(PORT)

check: lint types imports test  ## everything that must hold before a change is shared: lint, types, imports, docs and tests

format: $(STAMP)  ## rewrite the code in the house format
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

lint: $(STAMP)  ## ruff: rules and format, changes nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(STAMP)  ## mypy --strict on pipeline, labelers, models, assets
	@$(BIN)/mypy

imports: $(STAMP)  ## import-linter: layers and fences of .importlinter
	@$(BIN)/lint-imports

docs: $(STAMP)  ## rewrite the generated pages of docs/
	@$(BIN)/python -m docs.generate docs

golden: $(STAMP)  ## rewrite tests/golden; read the diff before you commit it
	@$(BIN)/python -m docs.generate golden

bench: $(STAMP)  ## run every benchmark; each appends to benchmarks/results
	@for bench in benchmarks/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

new-source new-label_file new-rule new-labeler new-policy new-detector new-model new-loss new-zoo new-format: new-%: $(STAMP)
	@$(BIN)/python docs/extending/new.py $* "$(NAME)"
	@$(BIN)/python -m docs.generate docs

system:  ## Debian packages for the browser tests (needs root)
	@.ci/system-packages.sh
