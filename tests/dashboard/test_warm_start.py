"""What the server loads before it says that it is ready."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc, sys
from latprobe_dashboard import warm_start
warm_start.load()
frozen, left = gc.get_freeze_count(), len(gc.get_objects())
print("latprobe_dashboard.pages.overview" in sys.modules, left * 20 < frozen)
"""


def test_what_is_loaded_is_no_garbage_and_is_not_looked_through() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("True True\n", "")
