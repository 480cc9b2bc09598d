"""What keeps latprobe's own faults out of the user's code.

A fault is counted, reported once per place on stderr, and swallowed. Under `LATPROBE_STRICT=1`
(our own tests) it is raised instead.
"""

from __future__ import annotations

import os
import sys

faults: dict[str, int] = {}
_strict = os.environ.get("LATPROBE_STRICT") == "1"


def report(place: str, error: BaseException) -> None:
    """Counts a fault of ours at `place`; says so the first time. Call it while handling `error`."""
    seen = faults.get(place, 0)
    faults[place] = seen + 1
    if _strict:
        raise error
    if not seen:
        say(f"{place} failed ({type(error).__name__}: {error}); your program is not affected.")


def say(message: str) -> None:
    """One line on stderr; silent where there is none (a daemon, a closed stream)."""
    try:
        print(f"latprobe: {message}", file=sys.stderr)
    except (OSError, ValueError, AttributeError, RuntimeError):
        # RuntimeError: a signal handler interrupted a write to the same buffered stream.
        return
