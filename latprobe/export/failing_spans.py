"""Sends spans around those that break the backend: one of them does not hold up all others."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from latprobe.export.otlp_parts import REQUEST_SPANS, Outcome, send_request
from latprobe.export.otlp_send import FailedError, Sender
from latprobe.export.stored_spans import Run, StoredSpan

# So many requests are split at most, and so many tried while the backend takes none.
MAX_FAILURES = 256
MAX_FAILURES_IN_VAIN = 32


def send_around(
    sender: Sender, spans: list[StoredSpan], runs: Mapping[int, Run], *, content: bool
) -> Outcome:
    """Sends all but the spans over which the backend fails; one outcome for all of them.

    A span is left out once the backend has taken others and then fails over it again. A backend
    that takes nothing is down, whatever it answers: raises FailedError then, and NotAcceptedError
    as send_spans does. What it took before is sent again the next time.
    """
    taken: list[Outcome] = []
    suspects: list[list[StoredSpan]] = []
    firsts = range(0, len(spans), REQUEST_SPANS)
    pending = deque(spans[first : first + REQUEST_SPANS] for first in firsts)
    failures = 0
    failed: FailedError | None = None
    while pending:
        part = pending.popleft()
        try:
            taken += list(send_request(sender, part, runs, content))
        except FailedError as error:
            failed = error
            failures += 1
            if failures > MAX_FAILURES_IN_VAIN and not _has_exported(taken):
                raise
            if len(part) > 1 and failures <= MAX_FAILURES:
                # Its halves after all others, so that what the backend can take shows early.
                pending += [part[: len(part) // 2], part[len(part) // 2 :]]
            else:
                suspects.append(part)
    if failed is not None and not _has_exported(taken):
        raise failed
    for part in suspects:
        taken.append(_tried_again(sender, part, runs, content))
    return _sum(spans[-1], taken)


def _has_exported(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.exported for outcome in outcomes)


def _tried_again(
    sender: Sender, part: list[StoredSpan], runs: Mapping[int, Run], content: bool
) -> Outcome:
    try:
        return _sum(part[-1], list(send_request(sender, part, runs, content)))
    except FailedError as error:
        return Outcome(part[-1], 0, refused=len(part), reason=str(error))


def _sum(last: StoredSpan, outcomes: Sequence[Outcome]) -> Outcome:
    """The outcomes as one; its reason is of one that was not taken."""
    return Outcome(
        last,
        sum(outcome.exported for outcome in outcomes),
        sum(outcome.rejected for outcome in outcomes),
        sum(outcome.refused for outcome in outcomes),
        next((outcome.reason for outcome in outcomes if outcome.refused), "")
        or next((outcome.reason for outcome in outcomes if outcome.reason), ""),
    )
