# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
TORCH := 2.13.0
TORCHAUDIO := 2.11.0
# PyTorch's own index of CPU builds; PyPI's Linux wheels bring gigabytes of CUDA.
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu

.PHONY: demo test check bench models clean help
.DEFAULT_GOAL := help

help: ## Show this help
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "REM needs Python 3.11 to 3.13; call make PYTHON=/path/to/python"; exit 1; }
	@echo "Installing packages into .venv (2.2 GB on disk, once)"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet 'torch==$(TORCH)+cpu' 2>/dev/null \
		|| $(BIN)/pip install --quiet 'torch==$(TORCH)' 'torchaudio==$(TORCHAUDIO)' --index-url $(TORCH_CPU_INDEX)
	$(BIN)/pip install --quiet --editable '.[local,dev]'
	@touch $@

demo: .venv/installed ## Run the demo recording through the real state machine, offline
	$(BIN)/rem demo

test: .venv/installed ## All tests (no network, no AWS account)
	$(BIN)/pytest

check: .venv/installed ## The inner loop: format, lint, types, definition, fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m statemachine.lint
	$(BIN)/pytest -q -m "not models and not slow"

bench: .venv/installed ## Accuracy, speed and memory of the pipeline with the demo models
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.memory

models: .venv/installed ## Train the demo models anew (espeak-ng and flite needed; about 2 hours on two cores)
	$(BIN)/python -m models.training.dialogues
	$(BIN)/python -m models.training.corpus
	$(BIN)/python -m models.training.whisper.train
	$(BIN)/python -m models.training.diarization.segmentation
	$(BIN)/python -m models.training.diarization.embedding
	$(BIN)/python -m models.training.diarization.plda
	$(BIN)/python -m models.training.diarization.pack

clean: ## Remove the environment, caches and build outputs
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
