"""Libraries that a test of a hook needs for real."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest


def needs(name: str) -> Any:
    """The imported library; without it the test is skipped."""
    library = name.partition(".")[0]
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed; `make instrumentation` installs it")
    return import_module(name)
