"""Two recordings side by side: what changed, by how much, and how sure that is.

from latprobe.analysis.compare import compare

found = compare(store.query, Scope(run_id=1), Scope(run_id=2))
"""

from __future__ import annotations

from latprobe.analysis.compare.comparison import Comparison, Row, compare, compare_measured
from latprobe.analysis.compare.measured import (
    Measured,
    MeasuredRequests,
    measure,
    measure_requests,
    with_stages,
)
from latprobe.analysis.compare.scopes import RunsScope

__all__ = [
    "Comparison",
    "Measured",
    "MeasuredRequests",
    "Row",
    "RunsScope",
    "compare",
    "compare_measured",
    "measure",
    "measure_requests",
    "with_stages",
]
