"""Which first calls of a process paid for a warm-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from latprobe.analysis.intervals import Floats
from latprobe.analysis.latency_model.calls import CallColumns, Flags
from latprobe.analysis.latency_model.part import Term
from latprobe.analysis.latency_model.robust_line import fit_line, fitted_times

# Only so many calls from a process' first can be cold.
_FIRST = 5
_LEAST_RATIO = 1.5
_LEAST_DEVIATIONS = 3.5


def cold_calls(calls: CallColumns, columns: Mapping[Term, Floats], terms: Sequence[Term]) -> Flags:
    """Calls known to be cold, and a process' first ones that took far longer than their tokens say.

    Far: half as long again, and 3.5 robust standard deviations. Only an unbroken run of first calls
    counts, so that an outlier among warm ones stays one.
    """
    design = np.column_stack([columns["constant"], *(columns[term] for term in terms)])
    warm = (~calls.is_cold).astype(np.float64)
    line = fit_line(design, calls.duration_ns, warm).line
    log_ratio = np.log(calls.duration_ns / fitted_times(design, line, calls.duration_ns))
    spread = 1.4826 * float(np.median(np.abs(log_ratio - np.median(log_ratio))))
    is_far = log_ratio > max(_LEAST_DEVIATIONS * spread, float(np.log(_LEAST_RATIO)))
    found = calls.is_cold.copy()
    for process in np.unique(calls.process):
        first = np.flatnonzero(calls.process == process)[:_FIRST]
        found[first] |= np.logical_and.accumulate(is_far[first] | calls.is_cold[first])
    return found
