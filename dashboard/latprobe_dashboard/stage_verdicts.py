"""What limits a stage, in the words of the GPU page, `latprobe report` and `latprobe gpu`.

A word of some requests may be another one than that of all: where the overview walked a sample, the
requests that `latprobe report` walks are walked as well, behind the page.
"""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.analysis.gpu.counters import is_any_read
from latprobe.analysis.overview import Overview
from latprobe.analysis.report import StageRow
from latprobe.analysis.request_paths import walk_requests
from latprobe.analysis.requests import even_sample, fetch_requests
from latprobe.analysis.scope import Scope
from latprobe.analysis.verdict import limit_of
from latprobe_dashboard import calm, connection, gpu_reports
from latprobe_dashboard.data import answer
from latprobe_dashboard.later import Later, later

Words = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Limit:
    """`word` is None where nothing is certain; `is_coming` while it is worked out."""

    word: str | None
    is_coming: bool = False


def limit(scope: Scope, seen: Overview, row: StageRow) -> Limit:
    """Of a stage of the overview, whose own verdict knows nothing of the GPU."""
    walked = _walked(scope, seen)
    if walked is not None:
        walked.begin()
    return _of(gpu_reports.latest(scope) if _is_gpu_read() else None, walked, row)


def limit_so_far(scope: Scope, seen: Overview, row: StageRow) -> Limit:
    """The same without beginning to work anything out."""
    return _of(gpu_reports.known(scope) if _is_gpu_read() else None, _walked(scope, seen), row)


def _of(shown: gpu_reports.Shown | None, walked: Later[Words] | None, row: StageRow) -> Limit:
    if shown is not None:
        if shown.report is None:
            return Limit(None, is_coming=True)
        found = shown.report.by_name().get(row.name)
        if found is not None:
            return Limit(found.verdict)
    if walked is None:
        return Limit(row.verdict)
    return Limit(walked.get().get(row.name)) if walked.is_there else Limit(None, is_coming=True)


def _walked(scope: Scope, seen: Overview) -> Later[Words] | None:
    """The words of the requests that the report walks; None where the overview walked them all."""
    if seen.sampled_traces == seen.requests.count:
        return None

    def work() -> Words:
        requests = even_sample(fetch_requests(calm.query, scope), None)
        paths = walk_requests(calm.query, requests)
        return {name: limit_of(path) for name, path in paths.stages.items()}

    return later("limits", (scope,), work)


def _is_gpu_read() -> bool:
    return answer("any gpu read", (), lambda: is_any_read(connection.query))
