"""Model calls as columns: what the latency model is fitted on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.intervals import Floats
from latprobe.analysis.spans import Ints

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CallColumns:
    """One row a call, by start. Not measured is NaN.

    `input_tokens` are those that the model had to read (not from a cache), `context_tokens` all of
    the input. `queue_ns` is within `ttft_ns`, and both within `duration_ns`. Calls of one `process`
    shared a warm-up; `is_cold` marks those known to have paid for it.
    """

    start_ns: Ints
    duration_ns: Floats
    input_tokens: Floats
    output_tokens: Floats
    context_tokens: Floats
    ttft_ns: Floats
    queue_ns: Floats
    process: Ints
    is_cold: Flags

    def __len__(self) -> int:
        return len(self.start_ns)

    def take(self, rows: Ints | Flags) -> CallColumns:
        """The same columns at these rows."""
        return CallColumns(*(getattr(self, field.name)[rows] for field in fields(self)))

    def with_tokens(self, *, input_factor: float, output: Floats) -> CallColumns:
        """The calls as they would be with other tokens; their times stay as recorded."""
        return replace(
            self,
            input_tokens=self.input_tokens * input_factor,
            context_tokens=self.context_tokens * input_factor,
            output_tokens=output,
        )


def call_columns(
    *,
    duration_ns: NDArray[np.generic],
    input_tokens: NDArray[np.generic] | None = None,
    output_tokens: NDArray[np.generic] | None = None,
    start_ns: NDArray[np.generic] | None = None,
    context_tokens: NDArray[np.generic] | None = None,
    ttft_ns: NDArray[np.generic] | None = None,
    queue_ns: NDArray[np.generic] | None = None,
    process: NDArray[np.generic] | None = None,
    is_cold: NDArray[np.generic] | None = None,
) -> CallColumns:
    """Columns of what is known, sorted by start; None is not measured.

    Without starts the rows are in the order of time. Negative figures count as not measured.
    """
    count = len(duration_ns)
    starts = np.arange(count) if start_ns is None else np.asarray(start_ns)
    read = _measured(input_tokens, count)
    context = _measured(context_tokens, count)
    columns = CallColumns(
        start_ns=starts.astype(np.int64),
        duration_ns=_measured(duration_ns, count),
        input_tokens=read,
        output_tokens=_measured(output_tokens, count),
        context_tokens=np.where(np.isnan(context), read, context),
        ttft_ns=_measured(ttft_ns, count),
        queue_ns=_measured(queue_ns, count),
        process=np.zeros(count, np.int64) if process is None else np.asarray(process, np.int64),
        is_cold=np.zeros(count, np.bool_) if is_cold is None else np.asarray(is_cold, np.bool_),
    )
    return columns.take(np.argsort(columns.start_ns, kind="stable"))


def _measured(column: NDArray[np.generic] | None, count: int) -> Floats:
    if column is None:
        return np.full(count, np.nan)
    values = np.asarray(column, np.float64)
    return np.where(np.isfinite(values) & (values >= 0), values, np.nan)
