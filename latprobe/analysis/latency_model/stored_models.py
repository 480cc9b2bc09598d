"""The latency models of a store's calls: one for each model, template and replica."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.latency_model.fit import fit_latency
from latprobe.analysis.latency_model.model import LatencyModel
from latprobe.analysis.latency_model.stored_calls import (
    Key,
    StoredCalls,
    fetch_stage_calls,
    fetch_stored_calls,
)
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

# Parts of the key (model, template, replica), from the finest to one model's calls together.
LEVELS: tuple[tuple[int, ...], ...] = ((0, 1, 2), (0, 1), (0, 2), (0,))


@dataclass(frozen=True, slots=True)
class StoredModel:
    """`found`: the model of these calls, or why there is none. `calls` ended without an error.

    None stands for what was not recorded.
    """

    model: str | None
    template_id: str | None
    template_name: str | None
    replica: str | None
    stages: tuple[str, ...]
    calls: int
    found: LatencyModel | Refusal


def latency_models(
    query: Query, scope: Scope = EVERYTHING, *, stage: str | None = None
) -> list[StoredModel]:
    """One for each model, template and replica in the scope, the most calls first.

    `stage`: only the calls that are this stage, or within it.
    """
    calls = (
        fetch_stored_calls(query, scope)
        if stage is None
        else fetch_stage_calls(query, scope, stage)
    )
    names = _template_names(query)
    return [
        _stored_model(calls, key, rows, names.get(key[1] or ""))
        for key, rows in calls.groups(LEVELS[0])
    ]


def ended_well(calls: StoredCalls, rows: Ints) -> Ints:
    """The rows of calls without an error: an aborted call's time is not that of its tokens."""
    return np.asarray(rows[~calls.is_error[rows]])


def _stored_model(calls: StoredCalls, key: Key, rows: Ints, name: str | None) -> StoredModel:
    good = ended_well(calls, rows)
    model, template, replica = key
    return StoredModel(
        model=model,
        template_id=template,
        template_name=name,
        replica=replica,
        stages=_most_frequent(calls.stage[rows].tolist()),
        calls=len(good),
        found=fit_latency(calls.columns.take(good)),
    )


def _most_frequent(stages: Sequence[str]) -> tuple[str, ...]:
    names, counts = np.unique(stages, return_counts=True)
    return tuple(str(names[at]) for at in np.argsort(-counts, kind="stable"))


def _template_names(query: Query) -> dict[str, str]:
    table = query("SELECT template_id::VARCHAR AS template_id, name FROM templates")
    rows = zip(table["template_id"].to_pylist(), table["name"].to_pylist(), strict=True)
    return {str(template): name for template, name in rows if name}
