"""What a cache in front of recorded calls would have answered, by running it over all of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

MISS = -1
_NO_NEIGHBOURS: Sequence[int] = ()


def simulate(
    keys: NDArray[np.int64],
    start_ns: NDArray[np.int64],
    end_ns: NDArray[np.int64],
    *,
    size: int | None,
    ttl_ns: int | None,
    neighbours: Mapping[int, Sequence[int]] | None = None,
) -> NDArray[np.int64]:
    """For each call the row of the call whose stored answer serves it; -1 where it has to be made.

    Calls are in the order of their starts. A call that is not served stores its answer when it
    ends: one that starts before that is no hit. At most `size` entries, the least recently used one
    leaves; one that is older than `ttl_ns`, since it was stored, serves nobody, and its key is
    stored anew. None: no such limit. `neighbours` are other keys whose answers will do, the best
    first.

    Every call counts; a sample of the keys underestimates hits by far.
    """
    entries: OrderedDict[int, int] = OrderedDict()
    served = np.full(len(keys), MISS, np.int64)
    starts, ends = start_ns.tolist(), end_ns.tolist()
    near = neighbours or {}
    for row, key in enumerate(keys.tolist()):
        now = starts[row]
        for other in (key, *near.get(key, _NO_NEIGHBOURS)):
            writer = entries.get(other)
            if writer is None:
                continue
            if ttl_ns is not None and now - ends[writer] > ttl_ns:
                del entries[other]
            elif ends[writer] <= now:
                served[row] = writer
                entries.move_to_end(other)
                break
        else:
            if key in entries:  # on its way: this call is made too, and the first one's is kept
                entries.move_to_end(key)
                continue
            entries[key] = row
            if size is not None and len(entries) > size:
                entries.popitem(last=False)
    return served
