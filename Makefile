# Every target does its own set-up: a fresh clone needs Python 3.11 or newer and `make`.

PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo test kill soak chaos coverage check bench fmt migrate lock

help: ## Show the targets, each with a sentence
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | column -t -s '|'

setup: .venv/installed ## Make .venv from the lock file and fetch the embedded broker

.venv/installed: requirements-dev.lock pyproject.toml service/embedded/jars.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "order-tracking needs Python 3.11 or newer; run make PYTHON=/path/to/python3")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m service.embedded.jars
	@touch $@

demo: setup ## Run everything at http://127.0.0.1:8080/ with invented orders; Ctrl-C stops it
	@exec $(BIN)/order-tracking demo

test: setup ## Run the tests on servers that they start themselves
	$(BIN)/python -m pytest -m 'not long' -n 2 --dist loadfile --no-loadscope-reorder

kill: setup ## Kill the service during 2,000 orders, and once at each failpoint; compare all that it wrote
	$(BIN)/python -m pytest -m long tests/e2e/test_kill.py tests/e2e/test_failpoints.py

soak: setup ## Take 20,000 orders through all flows while VTEX fails in every way; compare all with the truth
	$(BIN)/python -m pytest -m long -s tests/e2e/test_soak.py

chaos: setup ## Break everything around 100,000 events for ten minutes and look for what got lost
	$(BIN)/python -m pytest -m long -s tests/chaos

coverage: setup ## Run the tests as `make test` does, and tell what they do not reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m 'not long'
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: setup ## Lint, format, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: setup ## Measure against the ceiling and the peer in one run
	PYTHONPATH=tests $(BIN)/python -m benchmarks

fmt: setup ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

migrate: setup ## Bring the database of ORDER_TRACKING_POSTGRES_DSN to the newest schema
	$(BIN)/order-tracking migrate

lock: setup ## Raise the locked versions; needs uv on the PATH
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade --quiet --constraint requirements.lock --output-file requirements-dev.lock
