"""A kernel trace recorded on an H200 (tests/benchmarks/gpu/kineto_sample.py), read by latprobe and
added up here from its events alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from latprobe.store.kernel_stages import KernelRow, ProfiledSpan, kernel_rows
from latprobe.store.kineto import read_kineto

TRACE = gzip.decompress((Path(__file__).parent / "kineto_h200.json.gz").read_bytes())
DOCUMENT: dict[str, Any] = json.loads(TRACE)
NOTES: dict[str, Any] = DOCUMENT["latprobe"]
EVENTS: list[dict[str, Any]] = DOCUMENT["traceEvents"]
MARK = "latprobe.monotonic_ns="


def of_latprobe() -> dict[str, KernelRow]:
    wall_ns = NOTES["clock_offset_ns"]
    root = len(NOTES["spans"])
    spans = [
        ProfiledSpan(
            span_id=number,
            parent_id=None if number == root else root,
            name=span["name"],
            start_ns=span["start_ns"] + wall_ns,
            end_ns=span["end_ns"] + wall_ns,
            thread="MainThread",
        )
        for number, span in enumerate(NOTES["spans"], 1)
    ]
    work = read_kineto(TRACE, clock_offset_ns=wall_ns).work
    return {row.stage: row for row in kernel_rows(spans, work, NOTES["threads"])}


def added_up(stage: str, kind: str) -> tuple[int, int]:
    """(how many, the union of their times in ns) of what was launched while the stage ran."""
    marks = [e for e in EVENTS if str(e["name"]).startswith(MARK)]
    ahead_us = max(int(e["name"][len(MARK) :]) / 1e3 - e["ts"] for e in marks)
    (span,) = [each for each in NOTES["spans"] if each["name"] == stage]
    launched = {
        e["args"]["correlation"]
        for e in EVENTS
        if e.get("cat") in ("cuda_runtime", "cuda_driver")
        and span["start_ns"] <= (e["ts"] + ahead_us) * 1e3 < span["end_ns"]
    }
    times = sorted(
        (e["ts"], e["ts"] + e["dur"])
        for e in EVENTS
        if e.get("cat") == kind and e["args"]["correlation"] in launched
    )
    total, reached = 0.0, 0.0
    for start, end in times:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return len(times), round(total * 1e3)


@pytest.mark.parametrize("stage", ["encode", "decode_loop"])
def test_each_stages_kernels_and_copies_are_those_of_the_trace(stage: str) -> None:
    row = of_latprobe()[stage]
    kernels, busy_ns = added_up(stage, "kernel")
    assert kernels > 3
    assert row.kernels == kernels
    assert row.busy_ns == pytest.approx(busy_ns, abs=kernels)  # each is rounded to a ns
    copies, copy_ns = added_up(stage, "gpu_memcpy")
    assert row.copy_ns == pytest.approx(copy_ns, abs=copies)
    assert (copies > 0) == (stage == "decode_loop")


def test_it_says_what_was_recorded() -> None:
    rows = of_latprobe()
    found = {name: (row.kernels, row.busy_ns) for name, row in rows.items()}
    assert found["request"] == (0, 0)
    assert found["encode"][0] == 4  # matrix products
    assert found["decode_loop"][0] == 25  # four tanh and a sum, five times
    assert 0 < rows["decode_loop"].busy_ns < rows["decode_loop"].wall_ns / 4
