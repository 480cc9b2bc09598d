"""Cards, drivers and libraries that say what cannot be: absent figures, one problem."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from latprobe_collectors.gpu.collector import GpuCollector
from latprobe_collectors.gpu.nvidia import NvidiaLibrary
from tests.collectors.gpu.fake_nvml import H200, Card, FakeNvml, FakeTime
from tests.collectors.gpu.machine import UNKNOWN, Machine, values


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("gpu.utilization_pct", 255.0),
        ("gpu.utilization_pct", -1.0),
        ("gpu.power_mw", 0.0),
        ("gpu.power_mw", float((1 << 32) - 1)),
        ("gpu.sm_clock_mhz", float((1 << 32) - 1)),
        ("gpu.memory_used_bytes", float((1 << 64) - 1)),
        ("gpu.energy_mj", float((1 << 64) - 1)),
        ("gpu.energy_mj", float("nan")),
    ],
)
def test_a_figure_that_no_card_can_have_is_absent_and_comes_back(metric: str, value: float) -> None:
    card = Card(readings={metric: value})
    machine = Machine(card)
    odd = machine.run(1)
    card.readings[metric] = 40.0
    well = machine.run(6)

    assert values(odd, metric) == []
    assert values(odd, "gpu.temperature_c") == [31.0]
    assert set(values(well, metric)) == {40.0}
    assert machine.collector.problem is None


def test_memory_of_a_process_that_is_read_wrongly_is_absent() -> None:
    card = Card(processes=[SimpleNamespace(pid=42, usedGpuMemory=(1 << 64) - 1)])
    found = values(Machine(card, pids=(42,)).run(2), "gpu.process_memory_used_bytes")
    assert found == []


@pytest.mark.parametrize("fault", [UnicodeDecodeError("utf-8", b"", 0, 1, "odd"), OSError("bad")])
def test_a_reading_that_fails_in_the_library_is_a_gap_of_one_quantity(fault: Exception) -> None:
    machine = Machine()
    well = machine.nvml.nvmlDeviceGetTemperature

    def fail(card: Card, sensor: int) -> int:
        raise fault

    machine.nvml.nvmlDeviceGetTemperature = fail  # type: ignore[method-assign]
    failing = machine.run(2)
    machine.nvml.nvmlDeviceGetTemperature = well  # type: ignore[method-assign]

    assert values(failing, "gpu.temperature_c") == []
    assert len(values(failing, "gpu.power_mw")) > 15
    assert values(machine.run(2), "gpu.temperature_c") == [31.0, 31.0]
    assert machine.collector.problem is None


def test_a_card_on_which_the_library_breaks_stops_no_other_and_is_tried_ever_more_rarely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine = Machine(Card(), Card(uuid="GPU-b"))
    take = machine.nvml.nvmlGpmSampleGet

    def break_on_one(card: Card, sample: Any) -> Any:
        if card.uuid == H200:
            raise MemoryError
        return take(card, sample)

    machine.nvml.nvmlGpmSampleGet = break_on_one  # type: ignore[method-assign]
    samples = machine.run(1)
    said = machine.collector.problem
    for _ in range(400):
        machine.once()
        machine.time.pass_ms(1000)

    assert said == f"{H200} cannot be read: MemoryError"
    assert values(samples, "gpu.power_mw", H200) == []
    assert len(values(samples, "gpu.power_mw", "GPU-b")) == 11
    assert machine.nvml.count("nvmlInit") == 1 + 5  # after 10, 30, 70, 150, 310 s
    assert len(caplog.records) == 6


def test_a_driver_that_does_not_list_its_cards_is_a_problem_and_is_asked_again() -> None:
    card = Card()
    machine = Machine(card)
    count = machine.nvml.nvmlDeviceGetCount

    def fail() -> int:
        raise machine.nvml.NVMLError(UNKNOWN)

    machine.nvml.nvmlDeviceGetCount = fail  # type: ignore[method-assign]
    machine.once()
    said = machine.collector.problem
    machine.nvml.nvmlDeviceGetCount = count  # type: ignore[method-assign]
    machine.time.pass_ms(10_000)

    assert said == "the NVIDIA driver does not say which GPUs there are"
    assert values(machine.once(), "gpu.power_mw") != []
    assert machine.collector.problem is None


def test_a_card_that_cannot_be_had_just_now_is_not_one_that_may_never_be_read() -> None:
    busy = Card(uuid="GPU-b", fails={"nvmlDeviceGetHandleByIndex": UNKNOWN})
    machine = Machine(Card(), busy)
    machine.once()
    said = machine.collector.problem
    busy.fails.clear()
    machine.time.pass_ms(10_000)
    machine.once()

    assert said == "GPU 1: the driver does not let it be read now"
    assert [device.uuid for device in machine.collector.devices] == [H200, "GPU-b"]
    assert (machine.collector.hidden, machine.collector.problem) == (0, None)


@pytest.mark.parametrize("fault", [OSError("no such library"), AttributeError("nvmlInit_v2")])
def test_a_library_that_cannot_be_started_is_a_problem_and_no_fault(fault: Exception) -> None:
    machine = Machine()

    def fail() -> None:
        raise fault

    machine.nvml.nvmlInit = fail  # type: ignore[method-assign]
    assert {s.metric for s in machine.run(1.5)} == {"agent.gpu_collector_cpu_pct"}
    assert machine.collector.problem == f"the module pynvml does not work here ({fault})"


def test_a_library_with_hardly_any_function_is_a_problem_and_no_fault() -> None:
    empty = SimpleNamespace(
        NVMLError=FakeNvml.NVMLError, nvmlInit=lambda: None, nvmlShutdown=lambda: None
    )
    collector = GpuCollector(NvidiaLibrary(lambda: (empty, None)), clocks=FakeTime().clocks())
    assert list(collector.collect()) == []
    assert collector.problem == "the NVIDIA driver does not say which GPUs there are"
