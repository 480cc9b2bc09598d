"""A suggestion that is about to be followed, with what is predicted for it at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from latprobe.advice.advisor import advise_on
from latprobe.advice.answer import Advice
from latprobe.advice.applied import Applied, mark, read_applied
from latprobe.advice.context import Context
from latprobe.advice.no_change import allows_no_change, phases
from latprobe.advice.ranking import combined
from latprobe.advice.suggestion import Gain, Suggestion
from latprobe.advice.verify import MIN_REQUESTS, count_after
from latprobe.analysis.scope import Scope
from latprobe.errors import UsageError
from latprobe.store.query import Query


def follow(
    query: Query,
    home: Path,
    scope: Scope,
    ids: Sequence[str],
    *,
    at_ns: int,
    known: tuple[Context, Advice] | None = None,
) -> tuple[Applied, ...]:
    """Marks the suggestions whose ids begin so as followed at `at_ns`, and gives the marks.

    Those marked before that cannot be told apart from them, with too few requests since, are
    predicted anew together with them. `known` is the scope's advice where it is at hand; it serves
    as long as none of those wait. Raises UsageError for an id that no one suggestion has.
    """
    waiting = [
        each
        for each in read_applied(home)
        if each.applied_ns <= at_ns
        and scope.service in (None, each.service)
        and count_after(query, each) < MIN_REQUESTS
    ]
    if waiting:
        context, advice = _advised(query, scope, min(each.applied_ns for each in waiting))
        if any(advice.suggestion(one) is None for one in ids):
            waiting = []  # they wait for requests of another pipeline
    if not waiting:
        context, advice = known or _advised(query, scope, at_ns)
    wanted = {each.id: each for each in (suggested(advice, one) for one in ids)}
    for each in waiting:
        again = advice.suggestion(each.id)
        if again is not None:
            wanted.setdefault(again.id, again)
    rows = marked(context, list(wanted.values()), applied_ns=at_ns)
    mark(home, rows)
    return rows


def _advised(query: Query, scope: Scope, to_ns: int) -> tuple[Context, Advice]:
    """What the requests before that time give."""
    context = Context(query, replace(scope, to_ns=to_ns))
    return context, advise_on(context)


def suggested(advice: Advice, start_of_id: str) -> Suggestion:
    """The one suggestion whose id begins so. UsageError where there is none, or no one, or no
    advice at all."""
    found = advice.suggestion(start_of_id)
    if found is None and advice.refused is not None:
        raise UsageError(advice.refused)
    if found is None:
        raise UsageError(
            f"{start_of_id} is not the id of one suggestion that the recorded requests still "
            "give; `latprobe advise` lists them."
        )
    return found


def marked(
    context: Context, suggestions: Sequence[Suggestion], *, applied_ns: int
) -> tuple[Applied, ...]:
    """One row each. Of several the prediction is of all at once: they are measured at once too.

    The context holds the requests before the change. Those of the suggestions that cannot be
    replayed are left out of the prediction, which then says so.
    """
    replayed = [each for each in suggestions if each.changes]
    figures = replace(_predicted(context, replayed), p50_before_ms=context.p50_ms)
    left_out = [each.id for each in suggestions if not each.changes]
    notes = []
    if left_out and replayed:
        notes.append(f"{', '.join(left_out)} cannot be replayed and is not in the prediction.")
    if allows_no_change(figures):
        notes.append(phases(context.requests.duration_ns) or "")
    service, root = _whose(context)
    return tuple(
        replace(
            figures,
            id=each.id,
            rule=each.rule,
            title=each.title,
            subject=each.subject,
            service=service,
            root=root,
            applied_ns=applied_ns,
            from_ns=int(context.requests.start_ns[0]),
            requests=len(context.requests),
            together=tuple(other.id for other in suggestions if other is not each),
            p95_before_ms=context.p95_ms,
            input_tokens_saved=_tokens(suggestions, "input_tokens"),
            output_tokens_saved=_tokens(suggestions, "output_tokens"),
            note=" ".join(filter(None, notes)) or None,
        )
        for each in suggestions
    )


# To be filled in.
_NOTHING = Applied(
    id="", rule="", title="", subject="", service=None, root=None, applied_ns=0, from_ns=0,
    requests=0,
)  # fmt: skip


def _predicted(context: Context, suggestions: Sequence[Suggestion]) -> Applied:
    """The latency of all of them at once; what has no replay has a bound at most, and that is no
    prediction."""
    found = combined(context, suggestions)
    if found is None:
        return _NOTHING
    median = _after(context.p50_ms, found.saving.p50_ms)
    slow = _after(context.p95_ms, found.saving.p95_ms)
    return replace(
        _NOTHING,
        p50_after_ms=median[0],
        p50_low_ms=median[1],
        p50_high_ms=median[2],
        p95_after_ms=slow[0],
        p95_low_ms=slow[1],
        p95_high_ms=slow[2],
    )


def _after(before_ms: float, gain: Gain | None) -> tuple[float | None, float | None, float | None]:
    """What is left, from and to; the most that is saved leaves the least."""
    if gain is None:
        return None, None, None
    low = None if gain.high is None else before_ms - gain.high
    high = None if gain.low is None else before_ms - gain.low
    return before_ms - gain.value, low, high


def _tokens(suggestions: Sequence[Suggestion], name: str) -> float | None:
    values = [getattr(each.saving, name) for each in suggestions if each.saving is not None]
    known = [each for each in values if each is not None]
    return sum(known) if known else None


def _whose(context: Context) -> tuple[str | None, str | None]:
    """The one service and the one root's name of the requests; None where there are several."""
    sampled = context.sampled
    is_root = sampled.tree.root
    names = set(sampled.table["name"].take(sampled.spans.row[is_root]).to_pylist())
    runs = sorted({int(each) for each in sampled.table["run_id"].unique().to_pylist()})
    rows = context.query(
        "SELECT DISTINCT service FROM runs WHERE list_contains("
        "string_split(?, ','), run_id::VARCHAR)",
        [",".join(map(str, runs))],
    )
    services = set(rows["service"].to_pylist())
    service = context.scope.service or (services.pop() if len(services) == 1 else None)
    return service, names.pop() if len(names) == 1 else None
