"""Why a question has no answer, and what to ask instead."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.errors import NoDataError
from latprobe.store.query import Query


def nothing_found(query: Query, scope: Scope) -> NoDataError:
    """The error for a scope without spans; names the nearest stage if the scope's is unknown."""
    if not _names(query, EVERYTHING):
        return NoDataError(
            "Nothing is recorded yet. Run your program with: latprobe run -- python app.py"
        )
    if scope.stage is not None:
        known = _names(query, replace(scope, stage=None))
        near = get_close_matches(scope.stage, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "`latprobe report` lists the stages."
        return NoDataError(f"Nothing is recorded here on a stage {scope.stage!r}. {hint}")
    return NoDataError("Nothing recorded matches. Widen the time window or drop a filter.")


def has_spans(query: Query, scope: Scope) -> bool:
    """Whether anything in the scope is recorded."""
    where, parameters = scope.where()
    return bool(query(f"SELECT 1 FROM spans s WHERE {where} LIMIT 1", parameters).num_rows)


def _names(query: Query, scope: Scope) -> list[str]:
    where, parameters = scope.where()
    table = query(f"SELECT DISTINCT s.name FROM spans s WHERE {where} ORDER BY 1", parameters)
    return [str(name) for name in table["name"].to_pylist()]
