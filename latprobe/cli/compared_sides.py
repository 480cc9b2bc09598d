"""Which recordings the user wants side by side: runs, versions, times, baseline files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from latprobe.cli import figures
from latprobe.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from latprobe.analysis.compare import Measured
    from latprobe.analysis.scope import Scope
    from latprobe.store.query import Query


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two; `label` as a person would name it. Either a scope or a baseline file."""

    label: str
    scope: Scope | None = None
    file: Path | None = None

    def measure(self, query: Query | None) -> Measured:
        """Its figures. Raises NoDataError when there are none."""
        from latprobe.analysis.compare import measure
        from latprobe.cli.baseline_file import measure_file

        if self.file is not None:
            return measure_file(self.file)
        assert self.scope is not None
        assert query is not None
        found = measure(query, self.scope)
        if not len(found):
            raise NoDataError(
                f"{self.label} has no requests. Name another recording, or widen its window."
            )
        return found


@dataclass(frozen=True, slots=True)
class Run:
    """A row of `runs` that has spans."""

    run_id: int
    run_uuid: str
    service: str
    version: str | None
    git_commit: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """What it can be called."""
        found = (str(self.run_id), self.version, self.git_commit)
        return tuple(name for name in found if name)


def resolve_after(query: Query, after: str | None, *, service: str | None = None) -> Side:
    """The side that is judged; left out, the latest run."""
    return resolve_side(
        _runs_of(query, service), after or "latest", option="--after", service=service
    )


def resolve_sides(
    query: Query,
    before: str | None,
    after: str | None,
    *,
    service: str | None = None,
    option: str = "--before",
) -> tuple[Side, Side]:
    """The two sides; left out, `after` is the latest run and `before` the one that preceded it.

    Raises UsageError or NoDataError with the nearest name when one is not known.
    """
    runs = _runs_of(query, service)
    second = resolve_side(runs, after or "latest", option="--after", service=service)
    first = resolve_side(runs, before or "previous", option=option, service=service, after=second)
    same_scope = first.scope is not None and first.scope == second.scope
    if same_scope or (first.file is not None and first.file == second.file):
        raise UsageError(
            f"Both sides are {first.label}, so nothing can have changed. Name another {option}."
        )
    return first, second


def check_differ(sides: tuple[Side, Side], before: Measured, after: Measured) -> None:
    """Raises NoDataError where a file on one side holds the very requests of the other one."""
    from latprobe.analysis.compare.measured import are_same

    first, second = sides
    same = figures.many(before.requests, "request")
    if (first.file is not None or second.file is not None) and are_same(before, after):
        raise NoDataError(
            f"{first.label} and {second.label} are the same {same}, so "
            "nothing can have changed: record a run of the change first, with latprobe run -- CMD."
        )


def resolve_side(
    runs: list[Run],
    text: str,
    *,
    option: str,
    service: str | None = None,
    after: Side | None = None,
) -> Side:
    """One side. `previous` is the last run of the same service before that of `after`."""
    kind, colon, name = text.partition(":")
    if colon and kind == "window":
        return _window(name, option=option, service=service)
    if colon and kind == "version":
        return _version(runs, name, option=option, service=service)
    if colon and kind == "file":
        return Side(name, file=Path(name))
    if text == "previous":
        return _previous(runs, after)
    if text == "latest":
        if not runs:
            raise NoDataError(
                "Nothing is recorded yet. Run your program with: latprobe run -- python app.py"
            )
        return _side(runs[0])
    if looks_like_file(text):
        return Side(text, file=Path(text))
    wanted = name if colon and kind == "run" else text
    for run in runs:
        if wanted == str(run.run_id):
            return _side(run)
    if any(run.version == wanted for run in runs):
        return _version(runs, wanted, option=option, service=service)
    digits = wanted.replace("-", "").lower()
    if re.fullmatch("[0-9a-f]{4,40}", digits):
        found = [run for run in runs if run.run_uuid.startswith(digits)]
        if len(found) == 1:
            return _side(found[0])
        if any((run.git_commit or "").startswith(digits) for run in runs):
            return _version(runs, digits, option=option, service=service)
    raise NoDataError(f"{option} {text}: no run or version is called so.{_near(wanted, runs)}")


def looks_like_file(text: str) -> bool:
    """A path rather than a name of a run."""
    return Path(text).exists() or text.endswith(".json") or "/" in text


def _runs(query: Query, service: str | None) -> list[Run]:
    """Runs with spans, the latest first."""
    rows = query(
        "SELECT run_id::BIGINT AS run_id, replace(run_uuid::VARCHAR, '-', '') AS run_uuid, service,"
        " version, git_commit FROM runs WHERE (?::VARCHAR IS NULL OR service = ?)"
        " AND run_id IN (SELECT DISTINCT run_id FROM spans) ORDER BY started_ns DESC, run_id DESC",
        [service, service],
    ).to_pylist()
    return [Run(**row) for row in rows]


def _runs_of(query: Query, service: str | None) -> list[Run]:
    """The same; raises NoDataError for a service that is not known."""
    runs = _runs(query, service)
    if service is not None and not runs:
        near = _near_service(query, service)
        raise NoDataError(f"No run of a service {service!r} was recorded.{near}")
    return runs


def _side(run: Run) -> Side:
    from latprobe.analysis.scope import Scope

    name = f"run {run.run_id}"
    version = run.version or (run.git_commit or "")[:10]
    return Side(f"{name} ({version})" if version else name, Scope(run_id=run.run_id))


def _previous(runs: list[Run], after: Side | None) -> Side:
    """The run before that of `after`, of its service; before a version, one of another version."""
    from latprobe.analysis.compare import RunsScope

    scope = None if after is None else after.scope
    if isinstance(scope, RunsScope):
        taken = set(scope.run_ids)
    else:
        taken = {scope.run_id} if scope is not None and scope.run_id is not None else set()
    own = [place for place, run in enumerate(runs) if run.run_id in taken]
    if not own:
        if runs:
            return _side(runs[0])
        raise NoDataError(
            "Nothing is recorded yet. Run your program with: latprobe run -- python app.py"
        )
    service = runs[own[0]].service
    earlier = [run for run in runs[own[-1] + 1 :] if run.service == service]
    if not earlier:
        raise NoDataError(
            f"There is only one run of {service} to compare: record another, or name --before."
        )
    return _side(earlier[0])


def _version(runs: list[Run], name: str, *, option: str, service: str | None) -> Side:
    """All runs of a version, or of a commit."""
    from latprobe.analysis.compare import RunsScope

    found = [run for run in runs if run.version == name]
    if not found and len(name) >= 4:
        found = [run for run in runs if (run.git_commit or "").startswith(name)]
    if not found:
        raise NoDataError(f"{option} {name}: no such version was recorded.{_near(name, runs)}")
    if len(found) == 1:
        return _side(found[0])
    numbers = tuple(sorted(run.run_id for run in found))
    return Side(f"version {name}", RunsScope(service=service, run_ids=numbers))


def _window(text: str, *, option: str, service: str | None) -> Side:
    """`window:2h..1h`, `window:2026-11-01..2026-11-02`; an end left out is open."""
    from latprobe.analysis.scope import Scope
    from latprobe.cli.moments import parse_moment
    from latprobe.clock import wall_ns

    start, dots, end = text.partition("..")
    if not dots or not (start or end):
        raise UsageError(
            f"{option} window:{text} is not a window; write window:2h..1h or "
            "window:2026-11-01..2026-11-02."
        )
    now = wall_ns()
    from_ns = parse_moment(start, option=option, now_ns=now) if start else None
    to_ns = parse_moment(end, option=option, now_ns=now) if end else None
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise UsageError(f"{option} window:{text} ends before it starts.")
    return Side(f"{start or 'the start'} to {end or 'now'}", Scope(service, None, from_ns, to_ns))


def _near(wanted: str, runs: list[Run]) -> str:
    names = list(dict.fromkeys(name for run in runs for name in run.names))
    if not names:
        return " Nothing is recorded yet."
    near = get_close_matches(wanted, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" The latest run is {runs[0].run_id}."


def _near_service(query: Query, service: str) -> str:
    names = query("SELECT DISTINCT service FROM runs ORDER BY 1")["service"].to_pylist()
    near = get_close_matches(service, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
