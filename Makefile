# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
TORCH := 2.13.0
TORCHAUDIO := 2.11.0
# PyTorch's own index of CPU builds; PyPI's Linux wheels bring gigabytes of CUDA.
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu

# Two processes, because tests wait more than they compute. A file's tests stay together.
PYTEST = $(BIN)/pytest -q --numprocesses 2 --dist loadfile

# make deploy ENV=dev REGION=eu-central-1; PROFILE and ARCH are optional.
ENV := dev
ARCH := arm64
DEPLOY = $(BIN)/python -m infra.deploy $@ --env $(ENV) --region "$(REGION)" --arch $(ARCH) --profile "$(PROFILE)"

.PHONY: infra-test plan deploy destroy test-aws lock
.PHONY: demo test check bench fuzz models firmware clean help
.DEFAULT_GOAL := help

help: ## Show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

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

test: .venv/installed ## Run all tests that need no AWS account
	$(PYTEST) -m "not aws"

check: .venv/installed ## Run the inner loop: format, lint, types, definition, fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m statemachine.lint
	$(PYTEST) -m "not models and not slow"

bench: .venv/installed ## Measure accuracy, speed and memory with the demo models
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.memory

fuzz: .venv/installed ## Decode 20,000 mutated files and 2,000 random recordings (about two hours on two cores)
	$(BIN)/python -m benchmarks.fuzz_decode --cases 20000
	$(BIN)/python -m benchmarks.fuzz_decode --laws 2000

models: .venv/installed ## Train the demo models anew (espeak-ng and flite needed; about 2 hours on two cores)
	$(BIN)/python -m models.training.dialogues
	$(BIN)/python -m models.training.corpus
	$(BIN)/python -m models.training.whisper.train
	$(BIN)/python -m models.training.diarization.segmentation
	$(BIN)/python -m models.training.diarization.embedding
	$(BIN)/python -m models.training.diarization.plda
	$(BIN)/python -m models.training.diarization.pack

firmware: .venv/installed ## Compile the ESP32 firmware for both processors; prints the sizes
	$(BIN)/python -m firmware.build

infra-test: .venv/installed ## Run Terraform against the local AWS, and images without Docker (part of make test)
	$(PYTEST) -m infra

plan: .venv/installed ## Show what a deployment would change: make plan ENV=dev REGION=eu-central-1 [PROFILE=…] [ARCH=x86_64]
	$(DEPLOY)

deploy: .venv/installed ## Put REM on AWS (Terraform, Docker and credentials needed): make deploy ENV=dev REGION=…
	$(DEPLOY)

destroy: .venv/installed ## Remove the deployment, with its recordings unless ENV=prod
	$(DEPLOY)

test-aws: .venv/installed ## Deploy into your own account, run and redrive a recording, destroy: make test-aws REGION=…
	REM_TEST_AWS_REGION=$(REGION) AWS_PROFILE=$(PROFILE) $(BIN)/pytest -q -m aws -s

lock: .venv/installed ## Lock what each image installs
	$(BIN)/python -m infra.lock

clean: ## Remove the environment, caches and build outputs
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
