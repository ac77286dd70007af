# Two commands on a fresh machine:  make demo   and   make test
# Everything is installed into .venv; each step is skipped when it is up to date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint deploy/constraints.txt
DEMO_OPTIONS ?= --seconds 60 --out out/demo
DATA ?= ../shared/data
# Tests keep a picture of each page and window there.
export PHOSPHENE_SCREENSHOTS ?= $(CURDIR)/out/screenshots

.PHONY: demo test unit system lint format evaluate evaluate-chain evaluate-eeg evaluate-reconstruction bench-fmri bench-eeg bench-decoder bench-render bench-stream bench-gui bench-gpu doctor clean libraries display help

help:
	@echo "make demo      set up and run the chain on a synthetic participant"
	@echo "make test      set up and run all tests (unit, then system); pictures of all pages: out/screenshots"
	@echo "make lint      ruff, mypy --strict, import law, spelling"
	@echo "make evaluate  all three pages of accuracy on the real recordings in DATA:"
	@echo "make evaluate-chain  replay them; write docs/evaluation.md"
	@echo "make evaluate-eeg  decode the real EEG; write docs/evaluation-eeg.md"
	@echo "make evaluate-reconstruction  decode and reconstruct; write docs/evaluation-reconstruction.md"
	@echo "make bench-fmri  speed and accuracy of fMRI on DATA, beside a peer; write docs/benchmarks-fmri.md"
	@echo "make bench-eeg   latency, losses and processor time of EEG, beside a peer; write docs/benchmarks-eeg.md"
	@echo "make bench-decoder  time and memory of fitting and decoding, beside peers; write docs/benchmarks-decoder.md"
	@echo "make bench-render  speed, evenness, lag and memory of the renderer, beside peers; write docs/benchmarks-render.md"
	@echo "make bench-stream  smoothness, sharpness and lag of the ways between percepts; write docs/benchmarks-stream.md"
	@echo "make bench-gui   processor time, delay and blanking of the operator's window; write docs/benchmarks-gui.md"
	@echo "make bench-gpu     build engines, check parity and measure on a GPU; write docs/benchmarks-gpu.md; skipped without one"
	@echo "make doctor    check this machine"

libraries:
	@$(PYTHON) deploy/system_libraries.py

# A virtual display, on which tests look at the windows.
display:
	@$(PYTHON) deploy/system_libraries.py --display

$(VENV)/bin/python:
	@echo "== making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }

$(VENV)/.runtime: pyproject.toml deploy/constraints.txt | $(VENV)/bin/python
	@echo "== installing Phosphene (about a minute)"
	@$(PIP) --editable .
	@echo "== compiling the voxel loops for this machine (some seconds)"
	@$(BIN)/python -c "from acquisition.fmri.warm import warm_up; warm_up()"
	@$(BIN)/python -m compileall -q phosphene acquisition decoder renderer gui
	@touch $@

$(VENV)/.develop: $(VENV)/.runtime
	@echo "== installing the training and development extras (about two minutes)"
	@$(PIP) "torch==2.13.0"
	@$(PIP) --editable ".[train,dev]"
	@$(PIP) --editable ".[tensorrt-rtx]" || echo "== TensorRT-RTX could not be installed: its tests are skipped"
	@touch $@

# The peer has no wheel for every machine; its rows then say that it is missing.
$(VENV)/.bench: $(VENV)/.develop
	@$(PIP) --editable ".[bench]" || echo "== the extra bench could not be installed"
	@touch $@

demo: libraries $(VENV)/.runtime
	@echo "== phosphene demo $(DEMO_OPTIONS)"
	@$(BIN)/phosphene demo $(DEMO_OPTIONS)

test: display $(VENV)/.develop unit system

unit: $(VENV)/.develop
	@echo "== unit tests"
	@$(BIN)/python -m pytest tests/unit -q --numprocesses 2 --dist loadfile

system: $(VENV)/.develop
	@echo "== system tests (real processes, sockets and files)"
	@$(BIN)/python -m pytest tests/system -q --durations=10 -m "not timing" --numprocesses 2 --dist loadfile
	@echo "== system tests that bound times, alone"
	@$(BIN)/python -m pytest tests/system -q --durations=10 -m timing

lint: $(VENV)/.develop
	@echo "== ruff";         $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "== mypy";         $(BIN)/mypy
	@echo "== import law";   $(BIN)/lint-imports
	@echo "== spelling";     $(BIN)/codespell

format: $(VENV)/.develop
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

evaluate: evaluate-chain evaluate-eeg evaluate-reconstruction

evaluate-chain: libraries $(VENV)/.develop
	@$(BIN)/python -m tests.benchmarks.evaluate --data $(DATA) --out docs/evaluation.md

evaluate-eeg: libraries $(VENV)/.develop
	@$(BIN)/python -m tests.benchmarks.evaluate_eeg --data $(DATA) --out docs/evaluation-eeg.md

# Half an hour; EVALUATE_OPTIONS="--only digit69 --keep rows.json" renews one part of the page.
evaluate-reconstruction: libraries $(VENV)/.develop
	@$(BIN)/python -m tests.benchmarks.evaluate_recon --data $(DATA) --out docs/evaluation-reconstruction.md $(EVALUATE_OPTIONS)

# 20 minutes; BENCH_OPTIONS="--long 60" takes ten, BENCH_OPTIONS=--quick four
bench-eeg: libraries $(VENV)/.bench
	@$(BIN)/python -m tests.benchmarks.bench_eeg --out docs/benchmarks-eeg.md $(BENCH_OPTIONS)

# 5 minutes; BENCH_OPTIONS=--quick takes one
bench-decoder: $(VENV)/.develop
	@$(BIN)/python -m tests.benchmarks.bench_decoder --out docs/benchmarks-decoder.md $(BENCH_OPTIONS)

# 12 minutes; BENCH_OPTIONS="--only memory" takes a quarter of an hour more, BENCH_OPTIONS=--quick four
bench-render: libraries $(VENV)/.develop
	@$(BIN)/python -m tests.benchmarks.bench_render --out docs/benchmarks-render.md $(BENCH_OPTIONS)

bench-stream: $(VENV)/.develop
	@$(BIN)/python -m tests.benchmarks.bench_stream --out docs/benchmarks-stream.md $(BENCH_OPTIONS)

# 5 minutes; BENCH_OPTIONS=--quick takes one and writes nothing
bench-gui: libraries $(VENV)/.develop
	@$(BIN)/python -m tests.benchmarks.bench_gui --out docs/benchmarks-gui.md $(BENCH_OPTIONS)

bench-gpu: $(VENV)/.develop
	@$(BIN)/python -m tests.benchmarks.bench_gpu $(BENCH_OPTIONS)

bench-fmri: libraries $(VENV)/.bench
	@$(BIN)/python -m tests.benchmarks.bench_fmri --data $(DATA) --out docs/benchmarks-fmri.md

doctor: $(VENV)/.runtime
	@$(BIN)/phosphene doctor

clean:
	rm -rf $(VENV) build dist *.egg-info
