"""Which two recordings the Compare page puts side by side: runs, or all runs of a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from latprobe.analysis.compare import RunsScope
from latprobe.analysis.scope import Scope
from latprobe_dashboard import connection, data, quantities, shown_text
from latprobe_dashboard.answers import Answers
from latprobe_dashboard.store_lists import RunChoice

VERSION = "version:"

_kept = Answers(2)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: as the address calls it, as a person does, and what it is of."""

    name: str
    words: str
    scope: Scope


def recorded_runs() -> list[RunChoice]:
    """The runs that have spans, newest first."""

    def work() -> list[RunChoice]:
        found = connection.query("SELECT DISTINCT run_id::BIGINT AS run_id FROM spans")
        with_spans = set(found["run_id"].to_pylist())
        return [run for run in data.runs() if run.run_id in with_spans]

    return _kept.get((str(connection.home()), connection.version()), work)


def sides(runs: Sequence[RunChoice], zone: tzinfo) -> dict[str, Side]:
    """All that can be chosen: every run, then every version of several runs."""
    services = {run.service for run in runs}
    found = {
        str(run.run_id): Side(
            str(run.run_id),
            _run_words(run, zone, is_service_told=len(services) > 1),
            Scope(run_id=run.run_id),
        )
        for run in runs
    }
    for version in dict.fromkeys(run.version for run in runs if run.version):
        numbers = tuple(sorted(run.run_id for run in runs if run.version == version))
        if len(numbers) > 1:
            words = f"Version {shown_text.line(version, 30)} · {len(numbers)} runs"
            scope = RunsScope(run_ids=numbers)
            found[VERSION + version] = Side(VERSION + version, words, scope)
    return found


def parse(
    raw: Mapping[str, str], offered: Mapping[str, Side], runs: Sequence[RunChoice]
) -> tuple[str | None, str | None, list[str]]:
    """What is before and after by the address, and a sentence for what means nothing.

    What it does not say: after is the latest run, before the one of its service before that.
    """
    notes = []
    asked: dict[str, str | None] = {"a": None, "b": None}
    for name in asked:
        if (text := raw.get(name)) is not None:
            if text in offered:
                asked[name] = text
            else:
                notes.append(f"There is no run or version {shown_text.line(text)} here.")
    after = asked["b"] or _latest_but(runs, asked["a"])
    return asked["a"] or previous(runs, after), after, notes


def previous(runs: Sequence[RunChoice], after: str | None) -> str | None:
    """The run of the same service before `after`; None where there is none."""
    own = [place for place, run in enumerate(runs) if _is_of(run, after)]
    if not own:
        return None
    service = runs[own[-1]].service
    return next((str(run.run_id) for run in runs[own[-1] + 1 :] if run.service == service), None)


def _is_of(run: RunChoice, name: str | None) -> bool:
    if name is None:
        return False
    if name.startswith(VERSION):
        return run.version == name.removeprefix(VERSION)
    return str(run.run_id) == name


def _latest_but(runs: Sequence[RunChoice], taken: str | None) -> str | None:
    return next((str(run.run_id) for run in runs if str(run.run_id) != taken), None)


def _run_words(run: RunChoice, zone: tzinfo, *, is_service_told: bool) -> str:
    started = quantities.local_time(run.started_ns, zone).strftime("%d %b %H:%M:%S")
    words = [f"Run {run.run_id}", started]
    if run.version or run.git_commit:
        words.append(shown_text.line(run.version or (run.git_commit or "")[:10], 20))
    if is_service_told:
        words.append(shown_text.line(run.service, 30))
    return " · ".join(words)
