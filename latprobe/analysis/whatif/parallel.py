"""Two stages that followed each other, started together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.graph import Edges
from latprobe.analysis.whatif.recording import Recording


@dataclass(frozen=True, slots=True)
class _Runs:
    """Spans of the two stages: `row`, the number of the pair each belongs to, and whether it is
    of the stage that ran second. `lead` is, per pair, the row that started first."""

    row: Ints
    pair: Ints
    is_second: np.ndarray
    lead: Ints


def start_together(recorded: Recording, edges: Edges, first: int, second: int) -> tuple[Edges, int]:
    """The edges with the stages coded `first` and `second` side by side; how often that changed.

    Under the same parent, a run of spans of one stage and the next run of the other make a pair.
    The later run starts when the earlier one does (plus its caller's own work right before it, so
    that no work vanishes), and what waited for it waits for all that came before it, too.
    """
    runs = _pairs(recorded, first, second)
    if len(runs.lead) == 0:
        return edges, 0
    count = len(recorded)
    pair_of = np.full(count, -1, np.int64)
    pair_of[runs.row] = runs.pair
    later = np.zeros(count, np.bool_)
    later[runs.row] = runs.is_second
    source_row = np.where(edges.source >= count, edges.source - count, 0)
    from_end = edges.source >= count
    target_row = np.where(edges.target < count, edges.target, 0)
    enters = (edges.target < count) & later[target_row]
    same = pair_of[source_row] == pair_of[target_row]
    chained = enters & from_end & later[source_row] & same
    has_own = np.zeros(count, np.bool_)
    has_own[target_row[chained]] = True
    moved = enters & ~has_own[target_row]
    leaves = from_end & later[source_row] & ~(enters & same)
    begins = _begins(edges, moved, runs.lead, pair_of)
    extra = _also_waits(edges, moved, leaves, runs, pair_of, count)
    return edges.take(np.flatnonzero(~moved)).plus(begins, extra), len(runs.lead)


def _pairs(recorded: Recording, first: int, second: int) -> _Runs:
    spans, parent, name = recorded.spans, recorded.parent, recorded.name
    rows = np.flatnonzero(((name == first) | (name == second)) & (parent >= 0))
    rows = rows[np.lexsort((recorded.rank[rows], parent[rows]))]
    is_new = np.append(True, (np.diff(parent[rows]) != 0) | (np.diff(name[rows]) != 0))[: len(rows)]
    run = np.cumsum(is_new) - 1
    heads = rows[np.flatnonzero(is_new)]
    ends = np.full(len(heads), np.iinfo(np.int64).min)
    np.maximum.at(ends, run, spans.end_ns[rows])
    pair = np.full(len(heads), -1, np.int64)
    leads: list[int] = []
    number = 0
    while number + 1 < len(heads):
        is_pair = parent[heads[number]] == parent[heads[number + 1]]
        if is_pair and spans.start_ns[heads[number + 1]] >= ends[number]:
            pair[number : number + 2] = len(leads)
            leads.append(int(heads[number]))
            number += 2
        else:
            number += 1
    in_pair = pair[run] >= 0
    is_second = np.append(False, pair[1:] == pair[:-1])[: len(pair)] & (pair >= 0)
    return _Runs(
        rows[in_pair], pair[run][in_pair], is_second[run][in_pair], np.array(leads, np.int64)
    )


def _begins(edges: Edges, moved: np.ndarray, lead: Ints, pair_of: Ints) -> Edges:
    """One edge a moved span: from the start of its pair's first span."""
    at = np.flatnonzero(moved)
    target, where = np.unique(edges.target[at], return_index=True)
    one = at[where]
    return Edges(target, lead[pair_of[target]], edges.work_ns[one], edges.owner[one])


def _also_waits(
    edges: Edges,
    moved: np.ndarray,
    leaves: np.ndarray,
    runs: _Runs,
    pair_of: Ints,
    count: int,
) -> Edges:
    """What followed the later run also waits for the earlier one, and for what stood between."""
    earlier = ~runs.is_second
    before = np.flatnonzero(moved & (edges.source >= count))
    source = np.concatenate((count + runs.row[earlier], edges.source[before]))
    pair = np.concatenate((runs.pair[earlier], pair_of[edges.target[before]]))
    order = np.argsort(pair, kind="stable")
    source, pair = source[order], pair[order]
    out = np.flatnonzero(leaves)
    wanted = pair_of[edges.source[out] - count]
    low = np.searchsorted(pair, wanted, side="left")
    sizes = np.searchsorted(pair, wanted, side="right") - low
    each = np.repeat(out, sizes)
    offset = np.repeat(low - np.append(0, np.cumsum(sizes)[:-1])[: len(sizes)], sizes)
    return Edges(
        edges.target[each],
        source[offset + np.arange(len(each))],
        edges.work_ns[each],
        edges.owner[each],
    )
