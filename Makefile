# Everything that is done with this project, one target each; bare `make` lists them.
# Needed for `make run`: Python 3.11 or newer, and make. `make test` also brings the servers that the tests start.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The first Python that is new enough; `make PYTHON=/path/to/python3.12 setup` chooses another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command 'make lock' $(LOCK_ARGS)
ARGS ?=
TEST_PROCESSES ?= 2

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/installed  ## install what the service needs into .venv

run: .venv/installed  ## start every process here, on files in .vestibule/
	@exec $(BIN)/vestibule up $(ARGS)

test: lint test-lanes  ## check everything: lint, types, import contracts, tests

# What `make test` does last; with --jobs it begins beside lint.
test-lanes: .venv/installed-dev test-needs
	$(BIN)/python -m tests.lanes $(TEST_PROCESSES) $(ARGS)

lint: .venv/installed-dev  ## check style, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/installed-dev  ## rewrite the files in the project's style
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

faults: .venv/installed-dev test-needs  ## kill, freeze and starve the processes, and count what was lost
	$(BIN)/python -m pytest -m '' tests/faults $(ARGS)

bench: .venv/installed-dev test-needs bench-peers  ## measure against floors and peers; QUICK=1 measures less of each
	$(BIN)/python -m bench $(ARGS)

docs: .venv/installed-dev  ## check the guides: links, length, what they must name
	$(BIN)/python -m pytest tests/docs $(ARGS)

lock: .venv/installed-dev  ## renew the lock files; LOCK_ARGS=--upgrade takes newer versions
	$(LOCK) --group build pyproject.toml --output-file requirements.lock
	$(LOCK) --group build --group dev --constraint requirements.lock pyproject.toml --output-file requirements-dev.lock
	$(LOCK) --group bench --constraint requirements.lock --output-file bench/peers/requirements.lock

clean:  ## remove .venv and every cache; the data folder .vestibule/ stays
	rm -rf .venv bench/.venv bench/peers/node/node_modules build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

test-needs:
	@ops/install-test-needs

# What the peers need stays apart from what the service needs. Without npm the peer in Node is left out.
bench-peers: bench/.venv/installed
	@command -v npm >/dev/null && $(MAKE) --no-print-directory bench/peers/node/node_modules/installed \
		|| echo "left out: without npm and its packages the peer in Node is not measured" >&2

.PHONY: help setup run test test-lanes lint format faults bench bench-peers docs lock clean test-needs

.venv/made:
	@test -n "$(PYTHON)" || { echo "Vestibule needs Python 3.11 or newer, and found none on the PATH." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than Python 3.11." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making .venv with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv .venv
	@touch $@

# The project itself is installed last and editable: the sources in this folder are what runs.
.venv/installed: requirements.lock pyproject.toml | .venv/made
	@echo "Installing what the service needs, as requirements.lock pins it"
	@$(INSTALL) --require-hashes --requirement requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo "Installing what the checks need, as requirements-dev.lock pins it"
	@$(INSTALL) --require-hashes --requirement requirements-dev.lock
	@touch $@

bench/.venv/installed: bench/peers/requirements.lock | .venv/made
	@echo "Installing what the peers of the benchmark need"
	@$(BIN)/python -m venv bench/.venv
	@bench/.venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

bench/peers/node/node_modules/installed: bench/peers/node/package-lock.json
	@npm ci --prefix bench/peers/node --no-fund --no-audit --loglevel=error
	@touch $@
