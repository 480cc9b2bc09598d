# Two commands: `make demo` shows latprobe on a real pipeline, `make test` runs the tests.
# Both make their own .venv; nothing needs root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OPENAI2 := build/instrumentation/openai2
LIBRARIES := $(VENV)/.libraries $(OPENAI2)/.installed
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
# In CI pip compiles nothing: most of it no test imports, and the rest the tests compile themselves.
PIP_COMPILES := $(if $(filter 1,$(LATPROBE_TEST_REQUIRE_ALL)),--no-compile)
# Tests that wait for processes leave cores idle: one more at a time than the two of CI.
JOBS ?= 3
# The environments are made side by side.
MAKEFLAGS += -j2

.PHONY: demo test lint bench instrumentation backends clean

demo: $(VENV)/.installed
	$(BIN)/latprobe demo

# With LATPROBE_TEST_REQUIRE_ALL=1 no test may be skipped, so that this installs what they all need.
test: $(VENV)/.installed $(if $(filter 1,$(LATPROBE_TEST_REQUIRE_ALL)),$(LIBRARIES))
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	# Exit code 2: mypy's second process did not come up (it may not, on a busy machine).
	$(BIN)/mypy || { [ $$? = 2 ] && $(BIN)/mypy --num-workers 0; }
	$(BIN)/lint-imports

bench: $(VENV)/.installed
	$(BIN)/python tests/benchmarks/recorder.py
	$(BIN)/python tests/benchmarks/imports.py
	$(BIN)/python tests/benchmarks/kills.py
	$(BIN)/python tests/benchmarks/ingest.py
	$(BIN)/python tests/benchmarks/drops.py
	$(BIN)/python tests/benchmarks/hooks.py
	$(BIN)/python tests/benchmarks/otlp_export.py

$(VENV)/.installed: pyproject.toml constraints.txt hatch_build.py latprobe/journal/_texts.c
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "latprobe needs Python 3.11 or newer; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) $(PIP_COMPILES) -c constraints.txt -e '.[all,demo,dev]'
	@touch $@

# What hooks and instrumentations are for: torch, transformers, langchain and others. The file pins
# all that the extra `libraries` needs, so that pip has nothing to find out.
$(VENV)/.libraries: $(VENV)/.installed
	$(BIN)/python $(PIP_INSTALL) --no-compile --no-deps -r constraints.txt
	@touch $@

# litellm and llama-index need an older openai than the tests of openai do.
$(OPENAI2)/.installed: tests/instrumentation/openai2.txt pyproject.toml
	$(PYTHON) -m venv --clear $(OPENAI2)
	$(OPENAI2)/bin/python $(PIP_INSTALL) --no-compile --no-deps -r tests/instrumentation/openai2.txt
	$(OPENAI2)/bin/python $(PIP_INSTALL) --no-deps -e .
	@touch $@

instrumentation: $(VENV)/.installed $(LIBRARIES)
	LATPROBE_TEST_REQUIRE_ALL=1 $(BIN)/python -m pytest -q tests/hooks tests/instrumentation

# Two real backends.
backends: $(VENV)/.installed
	$(BIN)/python tests/backends/check.py

clean:
	rm -rf $(VENV) $(OPENAI2)
