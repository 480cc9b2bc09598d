"""Which attributes separate the slow requests from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.cohorts.attributes import Attribute
from latprobe.analysis.cohorts.finding import Finding, findings
from latprobe.analysis.cohorts.known_facts import known_facts
from latprobe.analysis.cohorts.separation import separate, slow_from
from latprobe.analysis.cohorts.span_attributes import span_attributes
from latprobe.analysis.cohorts.telling import HALVES_NOTE
from latprobe.analysis.cohorts.units import MOST_UNITS, fetch_units, source
from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import SEED
from latprobe.analysis.mixed_programs import mixed_programs
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.store.query import Query

# Five slow ones and 95 others.
LEAST_REQUESTS = 100


@dataclass(frozen=True, slots=True)
class SlowFast:
    """What separates requests, or runs of `stage`, of `threshold_ms` and more from the rest.

    `tried` names every attribute that was tested. `refused`: why nothing could be tested.
    """

    stage: str | None
    requests: int
    slow: int
    threshold_ms: float | None
    median_ms: float | None
    tried: tuple[str, ...]
    findings: tuple[Finding, ...]
    refused: str | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it, findings as objects."""
        found: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        found["findings"] = [each.to_json() for each in self.findings]
        return found


def slow_against_fast(
    query: Query, scope: Scope = EVERYTHING, *, stage: str | None = None, seed: int = SEED
) -> SlowFast:
    """The attributes that separate the slowest 5 % from the rest; silent where it may be chance.

    Of requests, or of the runs of a stage. Raises NoDataError where nothing is recorded.
    """
    stage = stage if stage is not None else scope.stage
    where = source(scope, stage)
    units = fetch_units(query, where)
    if not len(units):
        raise nothing_found(query, replace(scope, stage=stage))
    if len(units) < LEAST_REQUESTS:
        return _refusal(stage, len(units))
    mixed = mixed_programs(query, units)
    if mixed is not None:
        return _refused(stage, len(units), mixed.reason)
    found = [*known_facts(query, where, units), *span_attributes(query, where, units)]
    attributes = _without_twins([each for each in found if each is not None])
    return compare_slow(units.duration_ns, attributes, stage=stage, seed=seed)


def compare_slow(
    latency_ns: NDArray[np.int64],
    attributes: Sequence[Attribute],
    *,
    stage: str | None = None,
    seed: int = SEED,
) -> SlowFast:
    """The same for columns at hand, in the order of time."""
    if len(latency_ns) < LEAST_REQUESTS:
        return _refusal(stage, len(latency_ns))
    threshold = slow_from(latency_ns)
    is_slow = latency_ns >= threshold
    if is_slow.all():
        return _refusal(stage, len(latency_ns), "all of them took equally long")
    tested = separate(latency_ns, attributes, seed=seed)
    found = tuple(findings(tested, latency_ns, is_slow))
    return SlowFast(
        stage=stage,
        requests=len(latency_ns),
        slow=int(is_slow.sum()),
        threshold_ms=threshold / 1e6,
        median_ms=float(np.median(latency_ns)) / 1e6,
        tried=tuple(each.attribute.name for each in tested),
        findings=found,
        refused=None,
        notes=_notes(len(latency_ns), len(tested), found),
    )


def _notes(requests: int, tried: int, found: Sequence[Finding]) -> tuple[str, ...]:
    notes = []
    if any(each.among == "halves" for each in found):
        notes.append(HALVES_NOTE)
    if requests >= MOST_UNITS:
        notes.append(f"Only the latest {MOST_UNITS:,} were compared.")
    if tried:
        notes.append(
            "These go with latency in what was recorded; what else differs was not held still."
        )
    else:
        notes.append(
            "No attribute tells the requests apart: set some on your stages, "
            'for example stage("ocr", pages=3).'
        )
    return tuple(notes)


def _refusal(stage: str | None, count: int, why: str | None = None) -> SlowFast:
    what = "request" if stage is None else "run"
    of = "" if stage is None else f" of {stage}"
    is_ = "is" if count == 1 else "are"
    reason = (
        f"{why.capitalize()}, so none of them is slow: there is nothing to compare."
        if why is not None
        else f"Only {counted(count, what)}{of} {is_} recorded here; slow against fast needs "
        f"{LEAST_REQUESTS}: record more, or widen the window."
    )
    return _refused(stage, count, reason)


def _refused(stage: str | None, count: int, reason: str) -> SlowFast:
    return SlowFast(stage, count, 0, None, None, (), (), reason, ())


def _without_twins(attributes: Sequence[Attribute]) -> list[Attribute]:
    """Of attributes that split the requests in exactly the same way, the first."""
    seen: set[bytes] = set()
    kept = []
    for each in attributes:
        content = each.values if each.kind == "number" else _by_first_use(each)
        print_of = each.kind.encode() + content.tobytes()
        if print_of not in seen:
            seen.add(print_of)
            kept.append(each)
    return kept


def _by_first_use(attribute: Attribute) -> NDArray[np.int64]:
    """The codes, renumbered in the order in which they appear: names do not matter."""
    _, first, place = np.unique(attribute.codes, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[place])
