"""What there is to say about requests that wait for one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprobe.analysis.whatif.recording import Names

if TYPE_CHECKING:
    from latprobe.analysis.whatif.queued import Queued
    from latprobe.analysis.whatif.work import Work

# Busier than this with requests that come by themselves, waits only grow and a figure would say how
# long was recorded; from the lower one on, a few busy minutes decide what is measured.
_MOST_BUSY, _BUSY = 0.98, 0.85


def queue_notes(queued: Queued, names: Names) -> list[str]:
    """The servers found and who sends requests."""
    called = {code: name for name, code in names.codes.items()}
    notes = []
    for limit, line, changed in zip(queued.limits, queued.lines, queued.changed_lines, strict=True):
        servers = limit.evidence.servers
        assert servers is not None
        then = "" if changed.servers == line.servers else f", then {changed.servers}"
        stages = " and ".join(repr(called[code]) for code in limit.codes)
        run = "runs" if len(limit.codes) == 1 else "together run"
        notes.append(
            f"{stages} {run} on {line.servers} at once{then}: requests wait for one "
            f"another there, which is replayed in line ({servers.explained:.0%} of the recorded "
            "waiting explained)."
        )
        if not servers.is_first_come:
            notes.append(f"{stages}: not served first come, first served.")
    if queued.callers is not None:
        notes.append(
            f"{queued.callers.count} callers send their next request as they get an answer; so "
            "they do in the prediction."
        )
    else:
        notes.append("Requests come in at the recorded times.")
    return notes


def busiest(work: Work, queued: Queued) -> float:
    """For how much of the time the busiest servers would work; 0 where callers hold back, as
    requests then wait with their callers."""
    recorded, part = work.window, work.window_requests
    assert recorded is not None
    assert part is not None
    if queued.callers is not None or queued.gate is not None:
        return 0.0
    spans, root = recorded.spans, recorded.tree.root
    arrived = spans.start_ns[root]
    over_ns = max(float(arrived.max() - arrived.min()), 1.0)
    factor = next(work.factors(recorded, part))
    busy = [0.0]
    for line in queued.changed_lines:
        takes = spans.duration_ns * factor
        if line.releases is line.rows:
            held = float(takes[line.rows].sum())
        else:
            between = spans.start_ns[line.releases] - spans.end_ns[line.rows]
            held = float((takes[line.rows] + between + takes[line.releases]).sum())
        held += line.handoff_ns * len(line.rows)
        busy.append(held / line.servers / over_ns)
    return max(busy)


def too_busy(busy: float) -> str | None:
    """Why no figure is given for servers as busy as that."""
    if busy <= _MOST_BUSY:
        return None
    return (
        f"With the change its servers would be busy {busy:.0%} of the time: requests would come "
        "faster than they are served and waits would grow without end. Ask for more replicas too, "
        "or for a smaller change."
    )


def busy_note(busy: float) -> list[str]:
    """A warning near to the limit."""
    if busy < _BUSY:
        return []
    return [
        f"The busiest servers would work {busy:.0%} of the time; so near to the limit, waits "
        "depend on a few busy moments and differ from one recording to the next."
    ]
