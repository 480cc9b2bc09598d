"""AMD GPUs behind the same contract, on a stand-in for amdsmi."""

from __future__ import annotations

import json
from typing import Any

import pytest

from latprobe_collectors.gpu.amd import AmdLibrary
from latprobe_collectors.gpu.collector import GpuCollector
from tests.collectors.gpu.fake_amdsmi import GIB, FakeAmdsmi
from tests.collectors.gpu.fake_nvml import FakeTime

UUID = "GPU-00ff74a1-0000-1000-8000-000000000000"


class Machine:
    def __init__(self) -> None:
        self.smi = FakeAmdsmi()
        self.time = FakeTime()
        self.facts: dict[str, Any] = {}
        self.collector = GpuCollector(
            AmdLibrary(lambda: (self.smi, None)),
            pids=lambda: (42, 43),
            keep_fact=lambda key, text: self.facts.update({key: json.loads(text)}),
            clocks=self.time.clocks(),
        )

    def once(self) -> dict[str, float]:
        return {s.metric: s.value for s in self.collector.collect() if s.source == "amdsmi"}


def test_all_figures_have_the_units_of_their_names_and_what_is_no_figure_is_left_out() -> None:
    machine = Machine()
    assert machine.once() == {
        "gpu.utilization_pct": 91.0,
        "gpu.power_mw": 320_000.0,
        "gpu.memory_used_bytes": 20.0 * GIB,
        "gpu.memory_total_bytes": 192.0 * GIB,
        "gpu.sm_clock_mhz": 2100.0,
        "gpu.memory_clock_mhz": 900.0,
        "gpu.temperature_c": 52.0,
        "gpu.energy_mj": pytest.approx(15_300.0),
        "gpu.process_memory_used_bytes": 3.0 * GIB,
    }
    assert machine.facts[f"gpu:{UUID}"]["name"] == "AMD Instinct MI300X"
    assert machine.facts[f"gpu:{UUID}"]["driver"] == "6.10.5"


def test_what_the_card_cannot_is_absent() -> None:
    machine = Machine()
    machine.smi.fails["amdsmi_get_energy_count"] = 2
    assert "gpu.energy_mj" not in machine.once()
    assert machine.collector.absent == {UUID: ("gpm", "gpu.energy_mj")}


def test_a_card_that_goes_is_a_problem_and_comes_back() -> None:
    machine = Machine()
    machine.once()
    machine.smi.fails["amdsmi_get_gpu_activity"] = 34
    machine.time.pass_ms(200)
    gone = machine.once()
    said = machine.collector.problem
    machine.smi.fails.clear()
    machine.time.pass_ms(10_000)

    assert gone == {}
    assert said == f"{UUID} is lost: Error code: 34"
    assert machine.once()["gpu.utilization_pct"] == 91.0
    assert machine.collector.problem is None


def test_a_driver_that_does_not_answer_is_a_problem() -> None:
    machine = Machine()
    machine.smi.fails["amdsmi_init"] = 34
    assert machine.once() == {}
    assert machine.collector.problem == "the AMD driver does not answer (Error code: 34)"


@pytest.mark.parametrize("usage", [None, "N/A", {"vram_mem": "N/A"}, {"vram_mem": True}, {}])
def test_memory_of_a_process_in_a_form_of_another_version_is_absent(usage: Any) -> None:
    machine = Machine()
    machine.smi.amdsmi_get_gpu_process_list = (  # type: ignore[method-assign]
        lambda handle: [{"pid": 42, "memory_usage": usage}, {"memory_usage": {"vram_mem": 5}}, 7]
    )
    found = machine.once()

    assert "gpu.process_memory_used_bytes" not in found
    assert found["gpu.utilization_pct"] == 91.0


def test_a_driver_that_does_not_list_its_cards_is_a_problem() -> None:
    machine = Machine()
    machine.smi.fails["amdsmi_get_processor_handles"] = 2
    assert machine.once() == {}
    assert machine.collector.problem == "the AMD driver does not say which GPUs there are"
