"""Which spans only carry a call: the HTTP request below a model's call, a driver's below a query.

Such a span is named after what it does ("POST"), its call after what was asked for ("chat gpt-4o").
So the time is the call's: what `self_ns` and the sums of stages say. It stays a span of its own,
with its counts and errors, in a trace and in the table of stages.
"""

from __future__ import annotations

import re

import numpy as np

from latprobe.analysis.spans import Ints, Spans

# What a span is in a call: a client span that says nothing of a model or a kind of data may carry
# one, any other client span makes one, and so does a span that names a model or a tool without
# being a client span (some instrumentations, stages with `model=`). Agents and workflows make none:
# what runs below them is their work.
_CARRIER, _CLIENT, _CALL = 1, 2, 3
ROLE = f"""
    CASE WHEN s.kind = 'client' THEN
              CASE WHEN s.operation IS NULL AND s.model IS NULL AND s.modality IS NULL
                   THEN {_CARRIER} ELSE {_CLIENT} END
         WHEN s.operation IN ('invoke_agent', 'create_agent', 'invoke_workflow') THEN 0
         WHEN s.operation IS NOT NULL OR s.model IS NOT NULL THEN {_CALL}
         ELSE 0 END::TINYINT
"""

# A client span like those that carry a call, with nothing above it.
IS_BARE = f"(s.parent_span_id IS NULL AND s.kind = 'client' AND {ROLE} = {_CARRIER})"

# The names that OpenTelemetry's HTTP conventions, old and new, and Next.js give.
_HTTP = re.compile(
    r"(HTTP|((HTTP|fetch) )?(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH))( .*)?",
    re.DOTALL,
)


def find_transport(spans: Spans, parent: Ints) -> Ints:
    """The rows of spans that carry the call above them; none where `spans.role` is not known.

    A client span directly below another one is the same call one layer down. Below a call that is
    no client span itself it is so if its name is that of an HTTP request: such a call may also do
    other things.
    """
    if spans.role is None:
        return np.zeros(0, np.int64)
    rows = np.flatnonzero((spans.role == _CARRIER) & (parent >= 0))
    if not len(rows):
        return rows
    above = spans.role[parent[rows]]
    is_http = np.array([_HTTP.fullmatch(name) is not None for name in spans.names])
    carries = (above == _CARRIER) | (above == _CLIENT)
    carries |= (above == _CALL) & is_http[spans.name[rows]]
    return np.asarray(rows[carries])


def owners(parent: Ints, transport: Ints) -> Ints:
    """For every row the row whose time its own is: itself, for transport the call it carries."""
    owner = np.arange(len(parent))
    owner[transport] = parent[transport]
    while True:
        further = owner[owner[transport]]
        if np.array_equal(further, owner[transport]):
            return owner
        owner[transport] = further
