"""What keeps latprobe's own faults out of the user's code.

A fault is counted, reported once per place on stderr, and swallowed. Under `LATPROBE_STRICT=1`
(our own tests) it is raised instead.
"""

from __future__ import annotations

import os
import sys

faults: dict[str, int] = {}
# latprobe's own code, and the standard library's that it calls.
_OURS = (os.path.dirname(__file__), os.path.dirname(os.__file__), "<frozen")
_strict = os.environ.get("LATPROBE_STRICT") == "1"


def report(place: str, error: BaseException) -> None:
    """Counts a fault of ours at `place`; says so the first time. Call it while handling `error`."""
    seen = faults.get(place, 0)
    faults[place] = seen + 1
    if _strict:
        raise error
    if not seen:
        say(f"{place} failed ({type(error).__name__}: {error}); your program is not affected.")


def warn_once(message: str) -> None:
    """Says something the user should change, the first time it is noticed."""
    seen = faults.get(message, 0)
    faults[message] = seen + 1
    if not seen:
        say(message)


def is_ours(error: BaseException) -> bool:
    """Whether latprobe's own code raised it, and not a signal handler that ran meanwhile.

    A handler (an alarm that raises TimeoutError, say) runs on top of whatever frame is running;
    what it raises is the program's.
    """
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return True
    place = frame.tb_frame.f_code.co_filename
    return place.startswith(_OURS) and "site-packages" not in place.removeprefix(_OURS[0])


def say(message: str) -> None:
    """One line on stderr; silent where there is none (a daemon, a closed stream)."""
    try:
        print(f"latprobe: {message}", file=sys.stderr)
    except (OSError, ValueError, AttributeError, RuntimeError):
        # RuntimeError: a signal handler interrupted a write to the same buffered stream.
        return
