"""How much of a span's own time its thread spent on the CPU."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import Tree


def measured_cpu(table: pa.Table, spans: Spans, tree: Tree, own_ns: Ints) -> tuple[Ints, Ints]:
    """Per span: its CPU time without its children's, and the self time that it is a share of.

    A span's CPU time is its thread's, so that of children on the same thread is in it. Both are 0
    where the span was not measured. A child too short to be measured (under 20 us) leaves its
    CPU time with its parent, and so does what carries a call.
    """
    cpu = table["cpu_ns"].fill_null(-1).to_numpy().astype(np.int64)[spans.row]
    has = cpu >= 0
    pid = table["pid"].fill_null(0).to_numpy()[spans.row]
    encoded = table["thread"].combine_chunks().dictionary_encode()
    codes = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    thread = codes.indices.fill_null(-1).to_numpy(zero_copy_only=False)[spans.row]
    own_cpu = np.where(has, cpu, 0)
    rows, up = tree.callers()
    inside = has[rows] & has[up] & (pid[rows] == pid[up]) & (thread[rows] == thread[up])
    inside &= thread[rows] >= 0
    np.subtract.at(own_cpu, up[inside], cpu[rows[inside]])
    has[tree.transport] = False
    return np.where(has, np.maximum(own_cpu, 0), 0), np.where(has, own_ns, 0)
