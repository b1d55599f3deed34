# `make run` and `make test` are all a newcomer needs; `make help` lists the rest.
# Each target makes what it stands on: a virtual environment from the locked requirements.

VENV := .venv
BIN := $(VENV)/bin
UV ?= uv
PYTEST_ARGS ?=

# Every package is checked against the lock, and none is compiled here: no compiler is needed.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := $(INSTALL) --require-hashes --only-binary :all:
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url

.PHONY: help run test check bench lock clean

help:
	@echo 'make run     start a demo campus on this machine and say what to open'
	@echo 'make test    run every test'
	@echo 'make check   lint, formatting and types'
	@echo 'make bench   measure; reports go to benchmarks/results/'
	@echo 'make lock    bring requirements/*.txt in line with pyproject.toml (needs uv)'
	@echo 'make clean   remove the virtual environment and caches'

run: $(VENV)/.runtime
	$(BIN)/campus demo

test: $(VENV)/.dev
	$(BIN)/pytest $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# Pins that still fit are kept; remove a file of requirements/*.txt to move to the newest.
lock:
	@command -v $(UV) >/dev/null || { echo 'make lock needs uv: pip install uv' >&2; exit 1; }
	$(COMPILE) -o requirements/build.txt requirements/build.in
	$(COMPILE) -o requirements/runtime.txt -c requirements/build.txt pyproject.toml
	$(COMPILE) -o requirements/dev.txt -c requirements/build.txt -c requirements/runtime.txt \
		--group dev

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than all that its step was made from, so a second call does nothing.
$(VENV)/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml $(VENV)/.made
	@echo 'Installing what the engine runs on'
	@$(LOCKED) -r requirements/build.txt -r requirements/runtime.txt
	@$(INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo 'Installing what the tests and checks run on'
	@$(LOCKED) -r requirements/dev.txt
	@touch $@

# A Python counts when it runs, is one that the lock has wheels for, and can make environments.
$(VENV)/.made:
	@unfit=; \
	for python in python3.14 python3.13 python3.12 python3.11 python3; do \
		$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
			2>/dev/null || continue; \
		if $$python -c 'import ensurepip, venv' 2>/dev/null; then \
			echo "Making $(VENV) with $$($$python --version)"; \
			$$python -m venv --clear $(VENV) && touch $@ && exit 0; \
			exit 1; \
		fi; \
		unfit=$$python; \
	done; \
	if [ -n "$$unfit" ]; then \
		echo "$$unfit lacks its venv module. On Debian or Ubuntu: apt install $$unfit-venv" >&2; \
	else \
		echo 'Python 3.11, 3.12, 3.13 or 3.14 is needed, and none was found.' >&2; \
	fi; \
	exit 1
