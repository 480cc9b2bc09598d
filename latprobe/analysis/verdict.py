"""What limits a stage, where what was recorded is enough to be certain."""

from __future__ import annotations

from latprobe.analysis.request_paths import StagePath

CPU_BOUND_SHARE = 0.8
WAITING_SHARE = 0.2
# CPU time must have been measured on the spans that make up this share of the stage's own time.
MEASURED_SHARE = 0.5
# A request to the other side was under way for this share of the stage's own time.
CARRIED_SHARE = 0.8
# More CPU than time means that other work ran on the thread meanwhile (a coroutine): not certain.
MAX_SHARE = 1.05


def limit_of(path: StagePath, judged: str | None = None) -> str | None:
    """What limits a stage, the one answer that every command and page gives: what the GPU's
    counters and kernels bear out (`judged`) where they do, else what its CPU time does."""
    return judged or certain_verdict(path)


def certain_verdict(path: StagePath) -> str | None:
    """What nearly all of its own time is: "cpu-bound", "server-bound" (a request of its calls was
    under way) or "waiting" (off the CPU); None if none is certain. "in its call": the stage has
    none, since it only carries calls.

    What the CPU did is certain only where it was measured on most of that time.
    """
    if path.self_ns == 0 < path.given_ns:
        return "in its call"
    found = _of_cpu(path)
    is_remote = 0 < CARRIED_SHARE * path.self_ns <= path.carried_ns
    return "server-bound" if is_remote and found != "cpu-bound" else found


def _of_cpu(path: StagePath) -> str | None:
    if path.cpu_base_ns <= 0 or path.cpu_base_ns < MEASURED_SHARE * path.self_ns:
        return None
    share = path.cpu_self_ns / path.cpu_base_ns
    if share <= WAITING_SHARE:
        return "waiting"
    return "cpu-bound" if CPU_BOUND_SHARE <= share <= MAX_SHARE else None
