# The two commands that a newcomer needs are `make run` and `make test`; both build .venv themselves.
#   make run                       10 meters on every protocol
#   make run ARGS="--meters 200"   anything that `metergate run` takes
#   make test                      all tests; those that need a program which is not here are skipped
#   make check                     format, lint, types, imports
#   make bench                     speed, beside peers where they are there

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CLIENTS := tests/clients

.PHONY: run test check bench lock clean
.DELETE_ON_ERROR:

run: $(VENV)/.run
	@exec $(BIN)/metergate run $(ARGS)

test: $(VENV)/.dev $(CLIENTS)/.installed
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py $(ARGS)

# A venv of a Python that is too old fails here, with a sentence, and not later with a riddle.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  f"metergate needs Python 3.11 or newer, {sys.executable} is {sys.version.split()[0]}: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements/run.txt pyproject.toml
	$(PIP) install --quiet --require-hashes -r requirements/run.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

# The JavaScript clients of the tests: only where there is npm.
$(CLIENTS)/.installed: $(CLIENTS)/package-lock.json
	@if command -v npm >/dev/null; then cd $(CLIENTS) && npm ci --silent --ignore-scripts --no-audit --no-fund; \
	else echo "npm is not installed: tests with JavaScript clients will be skipped"; fi
	@if command -v npm >/dev/null; then touch $@; fi

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --output-file requirements/run.txt pyproject.toml requirements/build.in
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --group dev --output-file requirements/dev.txt pyproject.toml requirements/build.in

clean:
	rm -rf $(VENV) $(CLIENTS)/node_modules $(CLIENTS)/.installed build dist
