"""What else changed since a suggestion was followed: why a measurement may miss its prediction."""

from __future__ import annotations

import re
from collections.abc import Sequence

from latprobe.advice.applied import Applied
from latprobe.analysis.compare import Row, compare
from latprobe.analysis.scope import Scope
from latprobe.errors import NoDataError
from latprobe.store.query import Query

# Less than this share of the median before is within what a prediction's interval allows for.
_LEAST_SHARE = 0.03
_MOST_STAGES = 3


def meanwhile(
    query: Query, applied: Applied, *, subjects: Sequence[str], until_ns: int | None, seed: int
) -> tuple[str, ...]:
    """A sentence for each stage that none of the `subjects` names and that took longer or shorter
    since, with its part in a request; those with the largest part first. None without requests on
    both sides."""
    before = Scope(service=applied.service, from_ns=applied.from_ns, to_ns=applied.applied_ns)
    after = Scope(service=applied.service, from_ns=applied.applied_ns, to_ns=until_ns)
    median_ms = applied.p50_before_ms or 0.0
    try:
        compared = compare(query, before, after, seed=seed)
    except NoDataError:  # those before are older than what the store keeps
        return ()
    rows = [
        (row.effect_ms.value, row.stage)
        for row in compared.rows
        if row.metric == "p50_ms"
        and row.stage is not None
        and not any(_names(subject, row.stage) for subject in subjects)
        and row.effect_ms is not None
        and _is_sure(row)
        and abs(row.effect_ms.value) >= _LEAST_SHARE * median_ms
    ]
    rows.sort(key=lambda each: -abs(each[0]))
    return tuple(
        f"{stage} took {abs(ms):,.0f} ms of a request {'more' if ms > 0 else 'less'} since, which "
        "the change does not touch."
        for ms, stage in rows[:_MOST_STAGES]
    )


def _names(subject: str, stage: str) -> bool:
    """Whether a suggestion's subject has the stage's whole name in it."""
    return re.search(rf"(?<![\w.]){re.escape(stage)}(?![\w.])", subject) is not None


def _is_sure(row: Row) -> bool:
    """Whether the part in a request changed, and not by chance."""
    interval = None if row.effect_ms is None else row.effect_ms.interval
    return interval is not None and (interval.low > 0 or interval.high < 0)
