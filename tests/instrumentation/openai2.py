"""An environment beside this one, for libraries that need openai 2: litellm and llama-index.

`make instrumentation` makes it, and `make test` where all tests must run; `openai2.txt` pins it.
"""

from __future__ import annotations

import pytest

from tests.instrumentation.running import CHECKOUT

PYTHON = CHECKOUT / "build" / "instrumentation" / "openai2" / "bin" / "python"


def python() -> str:
    """Its interpreter; without it the test file is skipped."""
    if not PYTHON.exists():
        pytest.skip("litellm and llama-index: run `make instrumentation`", allow_module_level=True)
    return str(PYTHON)
