# Two commands: `make demo` shows latprobe on a real pipeline, `make test` runs the tests.
# Both make their own .venv; nothing needs root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench instrumentation backends clean

demo: $(VENV)/.installed
	$(BIN)/latprobe demo

test: $(VENV)/.installed
	$(BIN)/python -m pytest -q

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed
	$(BIN)/python tests/benchmarks/recorder.py
	$(BIN)/python tests/benchmarks/imports.py
	$(BIN)/python tests/benchmarks/kills.py
	$(BIN)/python tests/benchmarks/ingest.py
	$(BIN)/python tests/benchmarks/drops.py
	$(BIN)/python tests/benchmarks/hooks.py
	$(BIN)/python tests/benchmarks/otlp_export.py

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "latprobe needs Python 3.11 or newer; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,demo,dev]'
	@touch $@

# The large client libraries, each in an environment of its own; and two real backends.
instrumentation: $(VENV)/.installed
	$(BIN)/python tests/instrumentation/with_libraries.py

backends: $(VENV)/.installed
	$(BIN)/python tests/backends/check.py

clean:
	rm -rf $(VENV)
