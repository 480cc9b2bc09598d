"""When stages had the GPU."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.gpu.activity import fetch_activity
from latprobe.analysis.scope import EVERYTHING
from tests.analysis.gpu.seeded_card import DEVICE, insert
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed, trace_hex


def note(span_id: int, **columns: object) -> dict[str, object]:
    return {"trace_id": trace_hex(1), "span_id": span_id, "run_id": 1, "device": DEVICE, **columns}


def a_request() -> MemoryStore:
    """Launched in 2 ms, run on the GPU from 1 to 41 ms; then 20 ms on the CPU."""
    store = MemoryStore()
    store.add_run()
    store.add_spans(
        [
            seed(1, None, "request", 0, 60),
            seed(2, 1, "encode", 1, 3, cpu_ns=2 * MS),
            seed(3, 1, "parse", 40, 60, cpu_ns=10 * MS),
        ]
    )
    insert(
        store,
        "gpu_spans",
        [note(2, gpu_start_ns=EPOCH_NS + MS, gpu_ns=39 * MS, gpu_lag_ns=37 * MS, h2d_bytes=500)],
    )
    return store


def test_a_stage_has_the_gpu_when_its_events_say_and_else_when_the_host_was_in_it() -> None:
    activity = fetch_activity(a_request(), EVERYTHING)
    assert activity is not None
    by_name = {
        activity.names[stage]: (start, end)
        for stage, start, end in zip(
            activity.segments.stage.tolist(),
            ((activity.segments.start_ns - EPOCH_NS) / MS).round(2).tolist(),
            ((activity.segments.end_ns - EPOCH_NS) / MS).round(2).tolist(),
            strict=True,
        )
    }
    assert by_name == {"request": (0, 1), "encode": (1, 40), "parse": (40, 60)}


def test_own_time_and_cpu_are_the_hosts() -> None:
    activity = fetch_activity(a_request(), EVERYTHING)
    assert activity is not None
    names = [activity.names[stage] for stage in activity.stage.tolist()]
    assert dict(zip(names, (activity.own_ns // MS).tolist(), strict=True)) == {
        "request": 38,
        "encode": 2,
        "parse": 20,
    }
    shares = dict(zip(names, activity.cpu_share.tolist(), strict=True))
    assert np.isnan(shares.pop("request"))
    assert shares == {"encode": 1.0, "parse": 0.5}
    assert np.nansum(activity.notes["h2d_bytes"]) == 500


def test_a_cold_run_is_no_stages_usual_one() -> None:
    store = a_request()
    insert(store, "gpu_spans", [note(3, is_cold=True)])
    activity = fetch_activity(store, EVERYTHING)
    assert activity is not None
    stages = set(activity.segments.stage.tolist())
    assert -1 in stages
    assert activity.names.index("parse") not in stages
    assert activity.is_cold.sum() == 1


def test_nothing_recorded_is_none() -> None:
    assert fetch_activity(MemoryStore(), EVERYTHING) is None
