"""A batch of recorded requests, as the replay reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.clock_skew import align_clocks
from latprobe.analysis.requests import Requests, fetch_batches
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import Tree, build_tree
from latprobe.analysis.whatif.generators import with_pulled_spans
from latprobe.store.query import Query

# Names are packed three to a 63-bit key (see precedence.py); code 0 is for spans beyond them.
NAME_BITS = 21
MOST_NAMES = (1 << NAME_BITS) - 2


@dataclass(slots=True)
class Names:
    """One small number a stage name, the same in all batches."""

    codes: dict[str, int] = field(default_factory=dict)

    def of(self, spans: Spans) -> Ints:
        """The code of each span's name."""
        known = [self._code(name) for name in spans.names]
        return np.array(known or [0], np.int64)[spans.name]

    def _code(self, name: str) -> int:
        return self.codes.setdefault(name, min(len(self.codes) + 1, MOST_NAMES))


@dataclass(frozen=True, slots=True)
class Recording:
    """Spans on one clock and their tree. `rank` orders siblings by start.

    `request` is, per trace in `tree.root`, the row within the batch's requests. `lane` says which
    thread a span ran on. `name` holds the codes of `Names`. `parent` is the tree's, but for spans
    that take turns with a generator (see generators.py).
    """

    spans: Spans
    tree: Tree
    name: Ints
    rank: Ints
    lane: Ints
    request: Ints
    parent: Ints

    def __len__(self) -> int:
        return len(self.spans)

    def called_kinds(self) -> Ints:
        """The names of callers and of what they call, each pair once and in order: (pairs, 2)."""
        child = np.flatnonzero(self.parent >= 0)
        # As one number each: pairs were put in order in twenty times as long.
        pairs = np.unique(self.name[self.parent[child]] << NAME_BITS | self.name[child])
        return np.stack((pairs >> NAME_BITS, pairs & ((1 << NAME_BITS) - 1)), axis=1)


def recordings(
    query: Query, requests: Requests, names: Names
) -> Iterator[tuple[Requests, Recording]]:
    """The requests, batch by batch, so that memory is bounded whatever is asked about."""
    for part, table in fetch_batches(query, requests):
        if table.num_rows:
            yield part, recording_of(table, names)


def recording_of(table: pa.Table, names: Names) -> Recording:
    """The table's spans; it may lack `pid` and `thread`, then all is taken for one thread's."""
    spans = Spans.from_table(table)
    tree = build_tree(spans)
    process = _column(table, "pid", spans)
    aligned = align_clocks(spans, tree, process)
    rank = np.empty(len(spans), np.int64)
    order = np.lexsort((spans.row, -aligned.end_ns, aligned.start_ns))
    rank[order] = np.arange(len(spans))
    lane = process * (1 << 20) + _column(table, "thread", spans)
    chunks = _chunks(table, spans)
    return Recording(
        spans=aligned,
        tree=tree,
        name=names.of(spans),
        rank=rank,
        lane=lane,
        request=spans.trace[tree.root],
        parent=with_pulled_spans(aligned, tree.parent, rank, lane, chunks),
    )


def _chunks(table: pa.Table, spans: Spans) -> Ints:
    """How many pieces each span gave, 0 for none."""
    if "chunks" not in table.column_names:
        return np.zeros(len(spans), np.int64)
    known = pc.fill_null(table["chunks"].cast(pa.int64()), 0)
    return np.asarray(known.to_numpy())[spans.row].astype(np.int64)


def _column(table: pa.Table, name: str, spans: Spans) -> Ints:
    """A column as small codes, 0 for "not known"."""
    if name not in table.column_names:
        return np.zeros(len(spans), np.int64)
    encoded = pc.dictionary_encode(table[name]).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    codes = pc.fill_null(encoded.indices.cast(pa.int64()), -1)
    return np.asarray(codes.to_numpy(zero_copy_only=False)).astype(np.int64)[spans.row] + 1
