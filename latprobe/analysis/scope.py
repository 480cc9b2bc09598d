"""Which part of the store a question is about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """A filter on spans; None does not filter. The window is `from_ns <= start_ns < to_ns`."""

    service: str | None = None
    run_id: int | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    stage: str | None = None
    model: str | None = None

    def where(self) -> tuple[str, list[object]]:
        """The filter as SQL over the alias `s` of `spans`, and its parameters."""
        tests = (
            ("s.start_ns >= ?", self.from_ns),
            ("s.start_ns < ?", self.to_ns),
            ("s.run_id IN (SELECT run_id FROM runs WHERE service = ?)", self.service),
            ("s.run_id = ?", self.run_id),
            ("s.name = ?", self.stage),
            ("s.model = ?", self.model),
        )
        used = [(sql, value) for sql, value in tests if value is not None]
        return " AND ".join(sql for sql, _ in used) or "TRUE", [value for _, value in used]


EVERYTHING = Scope()
