"""Libraries that a test of a hook needs for real."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

# What CI installs; the others are checked by people who have them.
IN_CI = {"PIL", "cv2"}


def needs(name: str) -> Any:
    """The imported library; without it the test is skipped, or fails where CI must have it."""
    library = name.partition(".")[0]
    if find_spec(library) is None:
        message = f"{library} is not installed"
        if library in IN_CI and os.environ.get("LATPROBE_TEST_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return import_module(name)
