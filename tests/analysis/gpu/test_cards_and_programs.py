"""Which card a program's stages ran on, and that every surface says the same of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from latprobe.analysis.gpu.card_time import plausible_idle_mw
from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.programs import joint_verdict, labels
from latprobe.analysis.gpu.run_cards import run_cards
from latprobe.analysis.gpu.stages import GpuReport, gpu_report
from latprobe.analysis.report import build_report
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.store.owner import StoreOwner
from latprobe.store.query import Query
from tests.analysis.gpu.seeded_card import insert, sample
from tests.analysis.seeding import EPOCH_NS, MemoryStore, seed

SAMPLES = Path(__file__).parents[3] / "sample_traces"
VISION, MULTIMODAL = "GPU-21ffa854-f477-e4be-2b4c-621c04d157df", "0"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Two programs on two cards, ten hours apart, in one store."""
    with StoreOwner(tmp_path_factory.mktemp("both")) as owner:
        for name in ("vision_llm", "h200_multimodal"):
            owner.import_folder(SAMPLES / name)
        yield owner.query


@pytest.fixture(scope="module")
def report(both: Query) -> GpuReport:
    return gpu_report(both)


def test_a_card_has_the_stages_of_the_programs_that_ran_on_it(report: GpuReport) -> None:
    stages = {device: {s.name for s in report.stages if s.device == device}
              for device in report.devices}  # fmt: skip
    assert stages[MULTIMODAL] == {
        "multimodal.request", "image.decode", "image.to_gpu", "vision.encode", "text.embed",
        "llm.generate",
    }  # fmt: skip
    assert "vision_llm.request" in stages[VISION]
    assert "multimodal.request" not in stages[VISION]
    uses = {use.device: use for use in report.cards}
    assert (uses[MULTIMODAL].requests, uses[VISION].requests) == (30, 220)
    assert (uses[MULTIMODAL].services, uses[MULTIMODAL].model) == (
        ("h200-multimodal",),
        "NVIDIA H200",
    )


def test_the_time_between_runs_is_no_idle_time_of_a_card(report: GpuReport) -> None:
    for use in report.cards:
        assert use.idle_share is not None
        assert use.idle_share < 0.1
        assert use.active_s < 70


def test_a_program_has_the_figures_that_it_has_alone(both: Query, report: GpuReport) -> None:
    alone = gpu_report(both, Scope(service="h200-multimodal")).stages
    together = [row for row in report.stages if row.service == "h200-multimodal"]
    assert [(row.name, row.own_ms, row.requests, row.verdict) for row in together] == [
        (row.name, row.own_ms, row.requests, row.verdict) for row in alone
    ]
    generate, same = together[0].utilization_pct, alone[0].utilization_pct
    assert generate.windows == same.windows
    assert generate.value == pytest.approx(same.value)


def test_the_report_says_of_each_stage_what_the_gpu_report_does(
    both: Query, report: GpuReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latprobe.analysis.report.gpu_report", lambda *_, **__: report)
    words = {row.name: row.verdict for row in build_report(both).stages}
    assert words == {name: row.verdict for name, row in report.by_name().items()}
    assert words["llm.generate"] == "differs by service"
    of_vision = {row.name: row.verdict for row in report.stages if row.service == "vision-llm"}
    assert of_vision["vision.encode"] == "compute-bound"
    assert of_vision["llm.generate"] == "launch-bound"
    assert of_vision["vision_llm.request"] == words["vision_llm.request"] == "cpu-bound"


def test_every_command_has_the_same_word_for_each_stage(both: Query) -> None:
    scope = Scope(service="h200-multimodal")
    gpu = gpu_report(both, scope)
    words = {row.name: row.verdict for row in build_report(both, scope).stages}
    assert words == {row.name: row.verdict for row in gpu.stages}


def two_runs(*, apart_ms: float = 0.0) -> MemoryStore:
    store = MemoryStore()
    for run in (1, 2):
        store.add_run(run)
        store.connection.execute(f"UPDATE runs SET service = 'app-{run}' WHERE run_id = {run}")
        at = apart_ms * (run - 1)
        store.add_spans([seed(run, None, "request", at, at + 100, trace=run, run_id=run)])
    return store


def cards(store: MemoryStore) -> list[tuple[str, ...]]:
    return [run.cards for run in run_cards(store, EVERYTHING)]


def test_a_program_without_event_pairs_has_the_only_card_that_was_read_meanwhile() -> None:
    store = two_runs(apart_ms=HOUR_MS)
    insert(store, "samples", [sample(EPOCH_NS, "gpu.utilization_pct", 5.0, "A")])
    assert cards(store) == [("A",), ()]
    insert(store, "samples", [sample(EPOCH_NS, "gpu.utilization_pct", 5.0, "B")])
    assert cards(store) == [(), ()]  # either could be it


def test_readings_of_a_run_are_no_other_runs() -> None:
    store = two_runs()
    reading = sample(EPOCH_NS, "gpu.utilization_pct", 5.0, "A")
    insert(store, "samples", [reading | {"run_id": 1}, reading])
    assert cards(store) == [("A",), ()]


def test_a_program_beside_one_that_is_known_to_use_the_card_is_not_on_it() -> None:
    store = two_runs()
    insert(store, "samples", [sample(EPOCH_NS, "gpu.utilization_pct", 5.0, "A")])
    insert(
        store,
        "gpu_spans",
        [{"trace_id": f"{1:032x}", "span_id": 1, "run_id": 1, "device": "A"}],
    )
    assert cards(store) == [("A",), ()]


def test_one_word_of_several_programs_only_where_they_agree() -> None:
    assert joint_verdict([("a", "cpu-bound"), ("b", "cpu-bound")]) == "cpu-bound"
    assert joint_verdict([("a", "cpu-bound"), ("b", "idle")]) == "differs by service"
    assert joint_verdict([("a", "cpu-bound"), ("b", None)]) == "cpu-bound in a"
    assert joint_verdict([("a", None), ("b", None)]) is None
    assert labels(("x", "x", "y"), ("a", "", "a")) == ("x (a)", "x (no service)", "y")


def test_an_idle_draw_over_the_mean_draw_is_noise() -> None:
    times = np.array([0, 10]), np.array([10, 20])
    power = Windows(*times, np.array([140.0, 150.0]))
    assert plausible_idle_mw(157.0, power) is None
    assert plausible_idle_mw(120.0, power) == 120.0
    assert plausible_idle_mw(None, power) is None
