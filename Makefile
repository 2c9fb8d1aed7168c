# Two commands do everything: `make reproduce` and `make test`. `make help` explains the rest.

# The experiment that DVC keeps; see dvc.yaml.
KEPT := $(shell sed -n 's/^ *- experiment: *//p' dvc.yaml)
EXPERIMENT ?= $(KEPT)
PROFILE ?=
CANCEL ?=
PORT ?= 5000
PYTHON ?= python3

BIN := .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: setup reproduce test test-cluster test-gpu test-faults audit audit-packages publish restore ui bench docs image clean help lock data-fashion

# Nothing reports home; nothing is downloaded once the packages are installed.
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := 1
# Installed uncompiled; each of some hundred jobs would otherwise compile torch anew, 8 s long, where this is set.
unexport PYTHONDONTWRITEBYTECODE
# Of another environment: their modules would come before the locked ones.
unexport PYTHONHOME PYTHONPATH

# The environment is as good as its lock, and belongs to its folder: scripts and the editable install name it. The stamp
# carries both digests, so that file times do not matter. Packages without a wheel are built as wheels also by an old pip
# (Debian 12), which would else leave no RECORD of their files.
DIGEST = $(shell $(PYTHON) -I -c "import hashlib, os, pathlib; print(hashlib.sha256($(1)).hexdigest()[:16])")
LOCKED := .venv/.lock-$(call DIGEST,pathlib.Path('requirements.lock').read_bytes())
STAMP := $(LOCKED)-$(call DIGEST,os.fsencode(os.getcwd()))
FOREIGN := $(filter-out $(STAMP),$(wildcard $(LOCKED)*))

help:  ## Explain the targets
	@echo "Targets (variables: EXPERIMENT=$(EXPERIMENT), PROFILE=slurm or gpu, CANCEL=1 to end an earlier run's jobs, PYTHON=$(PYTHON), PORT=$(PORT)):"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Create .venv from requirements.lock, when it is missing or the lock has changed

$(STAMP):
	@$(PYTHON) -I -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "error: $(PYTHON) is missing or older than Python 3.11. Name a newer one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 2; }
	@if test -n "$(FOREIGN)" && $(BIN)/python -c pass 2> /dev/null; then \
	  echo "Adapting .venv, which was made for another folder"; \
	  $(BIN)/python -m venv --without-pip .venv; \
	  PYTHONPATH=src $(BIN)/python -m meshcil.cli.environment .venv; \
	  rm -f $(FOREIGN); \
	else \
	  echo "Creating .venv from requirements.lock (a few minutes)"; \
	  $(PYTHON) -m venv --clear .venv; \
	  $(PIP) --no-compile --use-pep517 --require-hashes --no-deps -r requirements.lock; \
	fi
	@$(PIP) --no-deps --no-build-isolation -e .
	@# Relative: Python reads a path of other than ASCII letters wrongly where LC_ALL is C.
	@for path in .venv/lib/python3.*/site-packages/*_meshcil.pth; do echo ../../../../src > "$$path"; done
	@touch $@

# DVC records what the audit vouches for; its lock of an earlier state must not speak against the new one.
define RECORD
mkdir -p .dvc/tmp; mv -f dvc.lock .dvc/tmp/ 2> /dev/null || true; \
	  { $(BIN)/meshcil audit && $(BIN)/dvc commit --quiet --force; } || \
	  { mv -f .dvc/tmp/dvc.lock . 2> /dev/null || true; exit 1; }; rm -f .dvc/tmp/dvc.lock
endef

# One run per folder at a time, its recording included; the lock ends with the processes that hold it, so nothing has
# to be unlocked by hand.
reproduce: $(STAMP)  ## Run EXPERIMENT from data to report; finished work is kept
	@test -n "$(strip $(EXPERIMENT))" || \
	  { echo "error: EXPERIMENT is empty. Name one of config/experiments (meshcil list), or leave it out" >&2; exit 2; }
	@test -e .git || $(BIN)/dvc config --quiet --local core.no_scm true
	@code=0; $(BIN)/meshcil submit "$(EXPERIMENT)" $(if $(PROFILE),--profile $(PROFILE)) $(if $(CANCEL),--cancel) || code=$$?; \
	  test $$code = 0 -o $$code = 3 || exit $$code; \
	  $(if $(filter $(KEPT),$(EXPERIMENT)),flock --close logs/make.lock $(SHELL) $(.SHELLFLAGS) '$(RECORD)';) \
	  exit $$code

test: $(STAMP)  ## Check style, architecture, every unit, and the pipeline end to end
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/pytest -n 2 --dist loadfile -m "not workflow and not cluster and not faults"
	$(BIN)/pytest -n 2 --dist loadfile -m workflow tests/workflow

test-cluster: $(STAMP)  ## Run the smoke experiment on a real Slurm and PostgreSQL started here (root on Debian)
	$(BIN)/pytest -n 0 -m cluster tests/cluster

test-gpu: $(STAMP)  ## Check that all methods and studies run on this machine's GPU and give what the CPU gives
	MESHCIL_DEVICE=cuda $(BIN)/pytest -n 4 tests/gpu tests/conformance tests/studies

test-faults: $(STAMP)  ## Kill runs at random, fill disks, lock databases: everything must be resumed (long)
	$(BIN)/pytest -n 0 -m faults -s -o tmp_path_retention_policy=failed tests/faults

audit: $(STAMP)  ## Check data, code, settings, packages, results, tables, DVC and MLflow against the records; trains nothing
	@$(BIN)/meshcil audit

# In an environment of its own: what looks for advisories is no part of what is locked.
audit-packages: $(STAMP)  ## Look for known vulnerabilities of the locked packages (network)
	@test -x .pip-audit/bin/pip-audit || { $(PYTHON) -m venv .pip-audit; \
	  .pip-audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1; }
	@rm -f .pip-audit/found.json; .pip-audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip \
	  --progress-spinner off --format json --output .pip-audit/found.json 2> .pip-audit/log || true
	@$(BIN)/python -m meshcil.cli.advisories .pip-audit/found.json

publish: $(STAMP)  ## Audit, push the results to the DVC remote, and say what to commit
	@$(BIN)/meshcil publish

restore: $(STAMP)  ## Get this commit's published results from the DVC remote, and audit them; trains nothing
	@test -e .git || $(BIN)/dvc config --quiet --local core.no_scm true
	@$(BIN)/meshcil restore

# Only for this machine and under its own name; its runner of background jobs would outlive it.
ui: $(STAMP)  ## Show the logged runs in MLflow at http://127.0.0.1:PORT
	@test -e mlflow.db || { echo "error: mlflow.db does not exist: nothing has been logged here. Run make reproduce first" >&2; exit 2; }
	@echo "Open http://127.0.0.1:$(PORT) and choose Model training at the top left: MLflow opens as for language models"
	@MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/mlflow server --backend-store-uri sqlite:///mlflow.db \
	  --host 127.0.0.1 --port $(PORT) --workers 1 --allowed-hosts "127.0.0.1:$(PORT),localhost:$(PORT)"

bench: $(STAMP)  ## Measure the claims about speed and memory; writes benchmarks/results.json
	@$(BIN)/python -m benchmarks

docs: $(STAMP)  ## Build the documents as pages, site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Documents: site/index.html"

image:  ## Build a container image with the locked packages, meshcil:latest (needs docker or podman)
	@builder=$$(command -v docker || command -v podman) || \
	  { echo "error: neither docker nor podman is installed. Install one and try again" >&2; exit 2; }; \
	  "$$builder" build --tag meshcil:latest .

# What was prepared from one's own raw data took hours; the record of a rendered dataset names that of its images.
clean:  ## Delete rendered data, results, logs and reports; your own data, raw and prepared, and .venv stay
	@mkdir -p logs; exec 9>> logs/make.lock; flock --nonblock 9 || \
	  { echo "error: a run works in this folder. Stop it or wait for its end, then: make clean" >&2; exit 2; }; \
	  for record in data/prepared/*/prepare.record.json; do \
	  if grep -qs 'data/raw/[^/]*/generate.record.json' "$$record"; then rm -rf "$$(dirname "$$record")"; fi; done; \
	  for record in data/raw/*/generate.record.json; do test ! -e "$$record" || rm -rf "$$(dirname "$$record")"; done; \
	  rm -rf site results logs mlruns mlflow.db mlflow.lock .snakemake reports/*

# Debian's package has the published files; the link puts them where config/datasets/fashion-mnist.yaml looks.
FASHION := /usr/share/datasets/fashion-mnist
data-fashion:  ## Install Fashion-MNIST (real images) from Debian's package; needs apt-get and root
	@test -d $(FASHION) || { command -v apt-get > /dev/null && test "$$(id -u)" = 0; } || \
	  { echo "error: apt-get is missing, or you are not root. Install Debian's package dataset-fashion-mnist, or put the four" \
	    "files of https://github.com/zalandoresearch/fashion-mnist into data/raw/fashion-mnist" >&2; exit 2; }
	@test -d $(FASHION) || apt-get install --yes --quiet --no-install-recommends dataset-fashion-mnist
	@mkdir -p data/raw && ln -sfn $(FASHION) data/raw/fashion-mnist && ls -L data/raw/fashion-mnist

lock:  ## Resolve requirements.in to exact versions with hashes (needs uv)
	@command -v uv > /dev/null || { echo "error: uv is not installed. Install it (pip install uv) and try again" >&2; exit 2; }
	@uv pip compile requirements.in --generate-hashes --no-emit-index-url -o requirements.lock --python-version 3.11
	@{ sed '/# pins of/q' environment.yml; sed -En 's/^([a-z0-9._-]+==[^ ]+).*/      - \1/p' requirements.lock | \
	  grep -vE -- '- (torch|torchvision|triton|nvidia-.*|cuda-.*)=='; } > environment.new && mv environment.new environment.yml
