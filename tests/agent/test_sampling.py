"""What the agent measures, from collectors to rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprobe.agent import sampling
from latprobe.agent.sampling import Sampling
from latprobe.store.owner import StoreOwner
from latprobe_collectors.contract import Sample
from tests.journal.building import SegmentBuilder


def test_a_processs_last_samples_keep_its_run_although_it_has_ended(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", pid=4242).hold_lock()
    build.span("step")
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        measuring = Sampling(owner)
        measuring.see()
        build.close()
        owner.ingest_pending()
        measuring.see()
        measuring._keep([Sample(5, "nvml", "gpu.power_mw", 1.0, "GPU-a", 4242)])
        rows = owner.query("SELECT * FROM samples").to_pylist()

    assert rows == [
        {
            "time_ns": 5,
            "source": "nvml",
            "device": "GPU-a",
            "pid": 4242,
            "run_id": 1,
            "metric": "gpu.power_mw",
            "value": 1.0,
        }
    ]


def test_what_a_gpu_is_stands_in_meta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sampling, "gpu_collectors", lambda pids, keep: keep("gpu:GPU-a", '{"index": 0}') or []
    )
    with StoreOwner(tmp_path) as owner:
        Sampling(owner)
        found = owner.query("SELECT value FROM meta WHERE key = 'gpu:GPU-a'").to_pylist()
    assert found == [{"value": '{"index": 0}'}]


def test_engines_have_a_thread_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StoreOwner(tmp_path) as owner:
        assert len(Sampling(owner)._runners) == 1
        monkeypatch.setenv("LATPROBE_ENGINES", "vllm=http://127.0.0.1:8000/metrics")
        assert len(Sampling(owner)._runners) == 2


def test_a_wrong_setting_of_engines_is_a_note_and_the_rest_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATPROBE_ENGINES", "vllm=http://a:port/metrics")
    with StoreOwner(tmp_path) as owner:
        assert len(Sampling(owner)._runners) == 1
        assert owner.notes == [
            "Serving engines are not read: the engine vllm = 'http://a:port/metrics' is not at an "
            "http:// address"
        ]


def test_what_was_measured_can_be_stored_at_once(tmp_path: Path) -> None:
    with StoreOwner(tmp_path) as owner:
        measuring = Sampling(owner)
        measuring._runners[0]._wait_for_keep([Sample(5, "host", "host.load1", 1.0)])
        measuring.hand_over()
        rows = owner.query("SELECT time_ns, metric FROM samples").to_pylist()

    assert rows == [{"time_ns": 5, "metric": "host.load1"}]
