# Every target uses .venv at the root: made once, and again when a requirement changes. What running
# needs is installed first (READY), the tools of tests only for the targets that use them (TOOLS).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TOOLS  := $(VENV)/.tools
SUPPLY := .venv-supply
# Tests wait more than they reckon: three processes on two cores, at most six. WORKERS=0: in one.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 5 ? n + 1 : 6)))
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
ROOMS  := app benchmarks bulk chunking decoding training transcription

.DEFAULT_GOAL := check
.PHONY: help setup demo serve test quick check lint types layers cover processors trust trust-long format bench recordings image image-check lock audit sbom peers clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## the environment that running needs, and the model (done once)

$(READY): pyproject.toml constraints.txt setup.sh
	@sh setup.sh "$(PYTHON)" "$(VENV)"
	@touch $(READY)

$(TOOLS): $(READY)
	@sh setup.sh --extra dev,training,cluster "$(VENV)"
	@touch $(TOOLS)

demo: $(READY)  ## start the service, post the shipped recording or FILE=…, print transcript, WER and speed
	@$(BIN)/python -m benchmarks.demo $(if $(FILE),"$(FILE)")

serve: $(READY)  ## the service with its page on 127.0.0.1:8000 (LONGFORM_PORT=…, LONGFORM_HOST=…: elsewhere)
	@$(BIN)/python -m app

test: $(TOOLS)  ## all tests (no GPU, network or system ffmpeg needed)
	$(BIN)/python -m pytest -q $(SPREAD) $(TOLD)

quick: $(TOOLS)  ## the fast tests alone
	$(BIN)/python -m pytest -q $(SPREAD) -m "not slow and not browser and not real"

# Which tests take longest is told: CI shall take less than twenty minutes.
check: TOLD := --table=test-artifacts --durations=40
check: lint types layers test processors  ## lint, types, layers, all tests: what CI runs

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TOOLS)
	$(BIN)/mypy

layers: $(TOOLS)
	$(BIN)/lint-imports

cover: $(TOOLS)  ## nightly: all tests, and how much of the code they run (tests take twice as long)
	$(BIN)/python -m pytest -q $(SPREAD) --cov --cov-report=term:skip-covered --cov-report=xml

trust: $(TOOLS)  ## the tests of docs/trust.md alone, and their table (`make check` runs them too)
	$(BIN)/python -m pytest -q -m row --table=test-artifacts

trust-long: $(TOOLS)  ## nightly: the same with the nightly amounts (NIGHT=0.1: a tenth of them)
	$(BIN)/python -m pytest -q -m row --table=test-artifacts \
		-o faulthandler_timeout=0 --night=$(or $(NIGHT),1)

processors: $(TOOLS)  ## the numeric tests, once for each instruction set that the processor can pretend to have
	$(BIN)/python -m tests.processors

format: $(TOOLS)  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## the benchmark command on the shipped recordings
	$(BIN)/python -m benchmarks run --dataset demo

recordings: $(TOOLS)  ## make the evaluation recordings in data/recordings and check their checksums
	$(BIN)/python -m training recordings --output data/recordings

peers: $(READY)  ## install the other recognisers that `python -m benchmarks` can measure
	@sh setup.sh --extra peers "$(VENV)"

# What audits, describes and locks is kept apart from what it looks at, and is installed by hash.
$(SUPPLY)/.ready: locks/tools.txt
	@$(PYTHON) -m venv $(SUPPLY)
	@$(SUPPLY)/bin/python -m pip install -q --no-deps --require-hashes --only-binary :all: -r locks/tools.txt
	@touch $@

lock: $(READY) $(SUPPLY)/.ready  ## write constraints.txt and locks/ anew from the newest versions that pyproject.toml allows
	@sh setup.sh --lock "$(PYTHON)"
	@$(SUPPLY)/bin/python -m supply lock

audit: $(SUPPLY)/.ready  ## are vulnerabilities known in what the locks name? (1: yes; says so where the list is out of reach)
	@$(SUPPLY)/bin/python -m supply audit

sbom: $(READY) $(SUPPLY)/.ready  ## sbom.cdx.json: what is installed here, as CycloneDX (the image holds its own)
	@$(SUPPLY)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file sbom.cdx.json $(BIN)/python

image:  ## the container image
	docker build -t whisper-longform .

image-check:  ## nightly: build the CPU image (VARIANTS="cpu cuda": both; STEP=name: that step) without a registry of images, and try it
	@$(PYTHON) -m tests.image $(VARIANTS) $(if $(STEP),--only "$(STEP)")

clean:  ## remove the environment and everything the tools left
	rm -rf $(VENV) $(SUPPLY) sbom.cdx.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache demo-output test-artifacts
