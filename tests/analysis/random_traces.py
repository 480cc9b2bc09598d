"""Hypothesis: small traces with everything wrong that can be wrong with recorded spans."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.analysis.seeding import Seed, seed

_times = st.integers(min_value=0, max_value=12)


@st.composite
def broken_spans(draw: st.DrawFn) -> list[Seed]:
    """Up to 14 spans in up to 2 traces: ids twice, cycles, missing parents, no durations, ties."""
    count = draw(st.integers(min_value=1, max_value=14))
    ids = st.integers(min_value=1, max_value=count)
    seeds = []
    for _ in range(count):
        start, length = draw(_times), draw(_times)
        parent = draw(st.none() | st.integers(min_value=1, max_value=count + 2))
        name = draw(st.sampled_from("abc"))
        trace = draw(st.integers(min_value=1, max_value=2))
        seeds.append(seed(draw(ids), parent, name, start, start + length, trace))
    return seeds
