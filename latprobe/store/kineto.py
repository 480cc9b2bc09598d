"""What torch.profiler's Chrome trace says of the GPU: its work, and when the host asked for it.

Times are ns of the trace; `Kineto.offset_ns` brings them to the epoch. Kernels and copies know by a
correlation number which call of the CUDA runtime launched them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from latprobe.errors import UsageError

INSTANT = "latprobe.monotonic_ns="
KERNEL, COPY = "kernel", "gpu_memcpy"
_GPU = frozenset({KERNEL, COPY, "gpu_memset"})
_LAUNCHES = frozenset({"cuda_runtime", "cuda_driver"})


@dataclass(frozen=True, slots=True)
class Work:
    """Something the GPU did. `launch_ns` and `thread` are of the host's call that asked for it,
    its own start and None where the trace lacks that call; `bytes` are a copy's."""

    name: str
    kind: str
    start_ns: int
    end_ns: int
    launch_ns: int
    thread: str | None
    bytes: int


@dataclass(frozen=True, slots=True)
class Kineto:
    """A trace's GPU work by start; times in ns since the epoch."""

    work: tuple[Work, ...]


def read_kineto(content: bytes, *, clock_offset_ns: int | None = None) -> Kineto:
    """The GPU's work in a trace. Raises UsageError for what is no Kineto trace.

    `clock_offset_ns` is what the recording process adds to its monotonic clock to have the wall
    clock's: with it the instants that latprobe marked in the trace say how its times are meant.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The kernel trace is no JSON: {error}.") from error
    events = document.get("traceEvents") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise UsageError("The kernel trace has no traceEvents.")
    offset_ns = _offset_ns(document, events, clock_offset_ns)
    launches: dict[int, tuple[int, str]] = {}
    found: list[dict[str, Any]] = []
    for event in events:
        if not isinstance(event, dict) or event.get("ph") != "X":
            continue
        category = event.get("cat")
        if category in _LAUNCHES:
            number = _arguments(event).get("correlation")
            start_ns = _ns(event.get("ts"))
            if isinstance(number, int) and start_ns is not None:
                launches.setdefault(number, (start_ns, str(event.get("tid"))))
        elif category in _GPU:
            found.append(event)
    work = [one for event in found if (one := _work(event, launches, offset_ns)) is not None]
    work.sort(key=lambda one: one.start_ns)
    return Kineto(tuple(work))


def _work(
    event: dict[str, Any], launches: dict[int, tuple[int, str]], offset_ns: int
) -> Work | None:
    start_ns, duration_ns = _ns(event.get("ts")), _ns(event.get("dur", 0))
    if start_ns is None or duration_ns is None or duration_ns < 0:
        return None
    arguments = _arguments(event)
    number = arguments.get("correlation")
    launch_ns, thread = start_ns, None
    if isinstance(number, int) and number in launches:
        launch_ns, thread = launches[number]
    size = arguments.get("bytes")
    return Work(
        name=str(event.get("name") or "(unnamed)"),
        kind=str(event["cat"]),
        start_ns=start_ns + offset_ns,
        end_ns=start_ns + duration_ns + offset_ns,
        launch_ns=launch_ns + offset_ns,
        thread=thread,
        bytes=size if isinstance(size, int) and size >= 0 else 0,
    )


def _offset_ns(document: dict[str, Any], events: list[Any], clock_offset_ns: int | None) -> int:
    """What makes the trace's times ns since the epoch.

    Of several instants the one that was marked fastest tells it best: the mark came a little after
    the clock was read, never before.
    """
    found = []
    for event in events if clock_offset_ns is not None else ():
        name = event.get("name") if isinstance(event, dict) else None
        if isinstance(name, str) and name.startswith(INSTANT):
            said, seen_ns = name.removeprefix(INSTANT), _ns(event.get("ts"))
            if said.isdigit() and seen_ns is not None and clock_offset_ns is not None:
                found.append(int(said) + clock_offset_ns - seen_ns)
    if found:
        return max(found)
    base = document.get("baseTimeNanoseconds")
    return base if isinstance(base, int) else 0


def _arguments(event: dict[str, Any]) -> dict[str, Any]:
    arguments = event.get("args")
    return arguments if isinstance(arguments, dict) else {}


def _ns(value: object) -> int | None:
    """us in ns; None for what is no time."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return round(value * 1000) if math.isfinite(value) and abs(value) < 1e16 else None
