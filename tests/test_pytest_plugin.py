"""Budgets of tests, in pytest sessions of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from latprobe.budgeted_tests import parse_marker
from latprobe.errors import UsageError

ROOT = Path(__file__).parents[1]

PIPELINE = """
import time
import latprobe
import pytest

def answer():
    with latprobe.stage("retrieve"):
        pass
    with latprobe.stage("llm", model="sim-1", input_tokens=900, output_tokens=120):
        pass
"""


def run_pytest(folder: Path, test: str) -> tuple[int, str]:
    """The exit code and output of pytest on one file, with the plugin."""
    (folder / "test_it.py").write_text(PIPELINE + test, "utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers"),
            *("-p", "latprobe.pytest_plugin"),
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "LATPROBE_AGENT": "off",
            "COLUMNS": "160",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_tests_over_their_budget_fail_and_say_by_how_much(tmp_path: Path) -> None:
    code, out = run_pytest(
        tmp_path,
        """
@pytest.mark.latprobe_budget(p95_ms=60_000, input_tokens=1000, output_tokens=200)
def test_within():
    answer()

@pytest.mark.latprobe_budget(output_tokens=100)
@pytest.mark.latprobe_budget(stage="llm", input_tokens=500)
def test_over():
    answer()

@pytest.mark.latprobe_budget(p95_ms=0, stage="retrieve", runs=3)
def test_slow():
    answer()

@pytest.mark.latprobe_budget(p95_ms=60_000)
def test_its_own_failure_comes_first():
    assert 1 == 2

def test_unmarked():
    pass
""",
    )
    assert code == 1
    assert "3 failed, 2 passed" in out
    assert "latprobe: output_tokens is 120, over its budget of 100." in out
    assert "latprobe: llm: input_tokens is 900, over its budget of 500." in out
    assert "assert 1 == 2" in out
    table = out.partition("latprobe budgets")[2]
    assert "test_it.py::test_within  input_tokens 900 of 1000  ok" in table
    assert "test_it.py::test_over    llm: input_tokens 900 of 500  OVER" in table
    assert "retrieve: p95_ms" in table


def test_every_run_is_measured(tmp_path: Path) -> None:
    code, out = run_pytest(
        tmp_path,
        """
RUNS = []

@pytest.fixture
def number():
    return 7

@pytest.mark.latprobe_budget(output_tokens=30, runs=3)
def test_three_times(number):
    RUNS.append(number)
    with latprobe.stage("llm", model="sim-1", input_tokens=1, output_tokens=10 * len(RUNS)):
        pass

def test_after():
    assert RUNS == [7, 7, 7]
""",
    )
    assert (code, "output_tokens 20 of 30  ok" in out) == (0, True), out


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"p59_ms": 3}, "Did you mean p95_ms?"),
        ({}, "latprobe_budget has no budget"),
        ({"p95_ms": "x"}, "is not an amount"),
        ({"p95_ms": 1, "runs": 0}, "is not a number of runs"),
    ],
)
def test_a_marker_that_cannot_be_meant_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=re.escape(sentence)):
        parse_marker((), given)


def test_a_wrong_marker_and_a_figure_that_was_not_recorded_fail_the_test(tmp_path: Path) -> None:
    code, out = run_pytest(
        tmp_path,
        """
@pytest.mark.latprobe_budget(p95_ms=1, stages="llm")
def test_wrong():
    answer()

@pytest.mark.latprobe_budget(stage="lm", output_tokens=1)
def test_unknown_stage():
    answer()

@pytest.mark.latprobe_budget(stage="retrieve", cost_usd=1)
def test_no_cost():
    answer()
""",
    )
    assert (code, "3 failed" in out) == (1, True)
    assert "latprobe_budget knows no 'stages'." in out
    assert "latprobe: lm: output_tokens was not recorded. Did you mean 'llm'?" in out
    assert "latprobe: retrieve: cost_usd was not recorded. No call of a model" in out


def test_the_plugin_loads_nothing_of_latprobe_until_it_is_needed(tmp_path: Path) -> None:
    code, out = run_pytest(
        tmp_path,
        """
import sys

def test_light():
    heavy = {"numpy", "pyarrow", "duckdb", "tiktoken", "latprobe.recording", "opentelemetry"}
    assert not heavy & set(sys.modules)
""",
    )
    assert code == 0, out
