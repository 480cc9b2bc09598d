"""What limits a stage, in the words of the GPU page, `latprobe report` and `latprobe gpu`."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.analysis.gpu.counters import is_any_read
from latprobe.analysis.report import StageRow
from latprobe.analysis.scope import Scope
from latprobe_dashboard import connection, gpu_reports
from latprobe_dashboard.data import answer


@dataclass(frozen=True, slots=True)
class Limit:
    """`word` is None where nothing is certain; `is_coming` while the GPU's part is worked out."""

    word: str | None
    is_coming: bool = False


def limit(scope: Scope, row: StageRow) -> Limit:
    """Of a stage of the overview, whose own verdict knows nothing of the GPU."""
    if not _is_gpu_read():
        return Limit(row.verdict)
    return _of(gpu_reports.latest(scope), row)


def limit_so_far(scope: Scope, row: StageRow) -> Limit:
    """The same without beginning to work anything out."""
    return _of(gpu_reports.known(scope), row) if _is_gpu_read() else Limit(row.verdict)


def _of(shown: gpu_reports.Shown, row: StageRow) -> Limit:
    if shown.report is None:
        return Limit(None, is_coming=True)
    found = shown.report.by_name().get(row.name)
    return Limit(row.verdict if found is None else found.verdict)


def _is_gpu_read() -> bool:
    return answer("any gpu read", (), lambda: is_any_read(connection.query))
