"""Programs under `latprobe run`, and what was recorded of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from latprobe.store.reader import open_reader

PROGRAMS = Path(__file__).parent / "programs"
CHECKOUT = Path(__file__).parents[2]
COLUMNS = (
    "s.name, s.scope, s.kind, s.status, s.error_type, s.operation, s.provider, s.model, "
    "s.input_tokens, s.output_tokens, s.ttft_ns, s.duration_ns, s.span_id, s.parent_span_id, "
    "s.attributes, s.start_ns, s.chunks, s.gap_p50_ns"
)
USAGE = (
    "u.input_tokens, u.uncached_input_tokens, u.cache_read_tokens, u.cache_write_tokens, "
    "u.output_tokens, u.reasoning_tokens, u.problem"
)


@dataclass(frozen=True)
class Recorded:
    """All spans of one run, and the usage rows by span."""

    spans: list[dict[str, Any]]
    usage: dict[int, tuple[Any, ...]]

    def below(self, stage: str) -> list[dict[str, Any]]:
        """The children of the one span of that name, in order."""
        (parent,) = [span for span in self.spans if span["name"] == stage]
        return [span for span in self.spans if span["parent_span_id"] == parent["span_id"]]

    def one(self, stage: str) -> dict[str, Any]:
        """The only child."""
        (child,) = self.below(stage)
        return child


def needs(*modules: str) -> None:
    """Skips the test file where a library or its instrumentation is not installed."""
    missing = [module for module in modules if not _is_there(module)]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}; `make instrumentation` installs them"
    pytest.skip(reason, allow_module_level=True)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def run(
    program: str, home: Path, *arguments: str, python: str = sys.executable, **environment: str
) -> Recorded:
    """Runs a program to its end, with that interpreter, and reads what it recorded."""
    command = [
        python, "-m", "latprobe.cli", "run", "-q", "--",
        python, str(PROGRAMS / program), *arguments,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        env={
            **clean_environment(),
            "LATPROBE_HOME": str(home),
            "LATPROBE_AGENT": "off",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return recorded(home)


def recorded(home: Path) -> Recorded:
    """What the store at `home` holds."""
    with open_reader(home, start_agent=False) as reader:
        spans = reader.query(f"SELECT {COLUMNS} FROM spans s ORDER BY s.start_ns").to_pylist()
        usage = reader.query(f"SELECT u.span_id, {USAGE} FROM usage u").to_pylist()
    for span in spans:
        span["attributes"] = json.loads(span["attributes"] or "{}")
    return Recorded(spans, {row.pop("span_id"): tuple(row.values()) for row in usage})


def clean_environment() -> dict[str, str]:
    """This process's, without settings of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LATPROBE_", "OTEL_"))}
    return {**kept, "PYTHONPATH": str(CHECKOUT), "LATPROBE_STRICT": "1"}
