# Every target uses .venv at the root; `make setup` makes it once, and again when a requirement changes.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
ROOMS  := app benchmarks chunking decoding training transcription

.DEFAULT_GOAL := check
.PHONY: help setup demo serve test quick check lint types layers cover processors format bench recordings image lock peers clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## the environment alone (done once)

$(READY): pyproject.toml constraints.txt setup.sh
	@sh setup.sh "$(PYTHON)" "$(VENV)"
	@touch $(READY)

demo: $(READY)  ## start the service, post the shipped recording, print transcript, WER and speed
	@$(BIN)/python -m benchmarks.demo

serve: $(READY)  ## the service with its page on 127.0.0.1:8000
	$(BIN)/python -m app --host 127.0.0.1 --port 8000

test: $(READY)  ## all tests (no GPU, network or system ffmpeg needed)
	$(BIN)/python -m pytest -q

quick: $(READY)  ## the fast tests alone
	$(BIN)/python -m pytest -q -m "not slow and not browser"

check: lint types layers cover processors  ## lint, types, layers, tests with coverage: what CI runs

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

cover: $(READY)
	$(BIN)/python -m pytest -q --cov --cov-report=term:skip-covered --cov-report=xml

processors: $(READY)  ## the numeric tests, once for each instruction set that the processor can pretend to have
	$(BIN)/python tests/processors

format: $(READY)  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## the benchmark command on the shipped recordings
	$(BIN)/python -m benchmarks run --dataset demo

recordings: $(READY)  ## make the evaluation recordings in data/recordings and check their checksums
	$(BIN)/python -m training recordings --output data/recordings

peers: $(READY)  ## install the other recognisers that `python -m benchmarks` can measure
	$(BIN)/python -m pip install -c constraints.txt -e ".[peers]"

lock: $(READY)  ## write constraints.txt anew from the newest versions that pyproject.toml allows
	@sh setup.sh --lock "$(PYTHON)"

image:  ## the container image
	docker build -t whisper-longform .

clean:  ## remove the environment and everything the tools left
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache demo-output test-artifacts
