"""What limits a stage, where the recorded CPU time is enough to be certain."""

from __future__ import annotations

from latprobe.analysis.request_paths import StagePath

CPU_BOUND_SHARE = 0.8
WAITING_SHARE = 0.2
# CPU time must have been measured on the spans that make up this share of the stage's own time.
MEASURED_SHARE = 0.5
# More CPU than time means that other work ran on the thread meanwhile (a coroutine): not certain.
MAX_SHARE = 1.05


def certain_verdict(path: StagePath) -> str | None:
    """What nearly all of its own time is: "cpu-bound" or "waiting"; None if neither is certain.

    None too where CPU time was not measured on most of it.
    """
    if path.cpu_base_ns <= 0 or path.cpu_base_ns < MEASURED_SHARE * path.self_ns:
        return None
    share = path.cpu_self_ns / path.cpu_base_ns
    if share <= WAITING_SHARE:
        return "waiting"
    return "cpu-bound" if CPU_BOUND_SHARE <= share <= MAX_SHARE else None
