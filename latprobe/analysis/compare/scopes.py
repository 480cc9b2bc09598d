"""A scope of several runs: all those of one version."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.analysis.scope import Scope


@dataclass(frozen=True, slots=True)
class RunsScope(Scope):
    """A Scope that takes the spans of these runs only."""

    run_ids: tuple[int, ...] = ()

    def where(self) -> tuple[str, list[object]]:
        """The filter as SQL over the alias `s` of `spans`, and its parameters."""
        sql, parameters = Scope.where(self)
        # One text parameter: lists do not travel through every Query.
        wanted = "SELECT unnest(string_split(?, ','))::UINTEGER"
        numbers = ",".join(str(run_id) for run_id in self.run_ids)
        return f"{sql} AND s.run_id IN ({wanted})", [*parameters, numbers]
