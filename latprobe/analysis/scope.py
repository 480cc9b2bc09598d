"""Which part of the store a question is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Text that stands in JSON as it is: a cheap search for it spares taking other attributes apart.
_PLAIN = re.compile(r"[A-Za-z0-9_.\-]+")

# SQL with one mark for each of the parameters beside it.
Test = tuple[str, list[object]]


@dataclass(frozen=True, slots=True)
class Scope:
    """A filter on spans; None does not filter. The window is `from_ns <= start_ns < to_ns`.

    `version` is that of the run, or its git commit. `stage` and `model` are the span's own. The
    last three keep whole requests: those with a span of the stage `passing`, with a span that
    calls the model `calling`, with a span that has the attribute `tag` (its name and its value as
    text).
    """

    service: str | None = None
    run_id: int | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    stage: str | None = None
    model: str | None = None
    version: str | None = None
    passing: str | None = None
    calling: str | None = None
    tag: tuple[str, str] | None = None

    def where(self) -> tuple[str, list[object]]:
        """The filter as SQL over the alias `s` of `spans`, and its parameters."""
        tests = (
            ("s.start_ns >= ?", self.from_ns),
            ("s.start_ns < ?", self.to_ns),
            ("s.run_id IN (SELECT run_id FROM runs WHERE service = ?)", self.service),
            ("s.run_id IN (SELECT run_id FROM runs WHERE ? IN (version, git_commit))",
             self.version),
            ("s.run_id = ?", self.run_id),
            ("s.name = ?", self.stage),
            ("s.model = ?", self.model),
        )  # fmt: skip
        used: list[Test] = [(sql, [value]) for sql, value in tests if value is not None]
        used += [
            (f"s.trace_id IN (SELECT m.trace_id FROM spans m WHERE {sql})", values)
            for sql, values in self.request_tests()
        ]
        parameters = [value for _, values in used for value in values]
        return " AND ".join(sql for sql, _ in used) or "TRUE", parameters

    def request_tests(self) -> tuple[Test, ...]:
        """What one span of a request must be, over the alias `m` of `spans`: a test each."""
        found: list[Test] = []
        if self.passing is not None:
            found.append(("m.name = ?", [self.passing]))
        if self.calling is not None:
            found.append(("m.model = ?", [self.calling]))
        if self.tag is not None:
            found.append(_has_attribute(*self.tag))
        return tuple(found)

    @property
    def is_of_whole_runs(self) -> bool:
        """Whether runs, window and stage say it all, which is what the rollups know."""
        return self.model is None and not self.request_tests()


EVERYTHING = Scope()


def _has_attribute(name: str, value: str) -> Test:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    sql, values = "json_extract_string(m.attributes, ?) = ?", [pointer, value]
    plain = [text for text in (name, value) if _PLAIN.fullmatch(text)]
    searched = "".join("contains(m.attributes::VARCHAR, ?) AND " for _ in plain)
    return f"{searched}{sql}", [*plain, *values]
