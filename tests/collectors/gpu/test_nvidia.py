"""The collector on readings recorded on an H200, and on everything that can go wrong."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from types import SimpleNamespace
from typing import Any

import pytest

from latprobe_collectors.gpu.device_reader import EVERY_S
from tests.collectors.gpu.fake_nvml import (
    GIB,
    H200,
    MS,
    RECORDED,
    START_NS,
    STEP_NS,
    Card,
    FakeNvml,
)
from tests.collectors.gpu.machine import (
    FUNCTION_NOT_FOUND,
    IN_USE,
    LOST,
    NO_PERMISSION,
    NOT_FOUND,
    NOT_SUPPORTED,
    ROUND_MS,
    UNKNOWN,
    Machine,
    values,
)


def test_the_first_round_has_every_quantity_once_and_says_what_the_device_is() -> None:
    machine = Machine()
    first = machine.once()

    assert {s.metric: (s.source, s.device, s.value) for s in first} == {
        "gpu.utilization_pct": ("nvml", H200, 12.0),
        "gpu.memory_utilization_pct": ("nvml", H200, 0.0),
        "gpu.power_mw": ("nvml", H200, 153555.0),
        "gpu.memory_used_bytes": ("nvml", H200, 5722996736.0),
        "gpu.sm_clock_mhz": ("nvml", H200, 1980.0),
        "gpu.memory_clock_mhz": ("nvml", H200, 3201.0),
        "gpu.temperature_c": ("nvml", H200, 31.0),
        "gpu.throttle_reasons": ("nvml", H200, 4.0),
        "gpu.memory_total_bytes": ("nvml", H200, 140.0 * GIB),
        "gpu.power_limit_mw": ("nvml", H200, 700000.0),
        "gpu.energy_mj": ("nvml", H200, 41107193.0),
    }
    assert machine.facts == {
        f"gpu:{H200}": {
            "index": 0,
            "name": "NVIDIA H200",
            "driver": "580.159.04",
            "memory_total_bytes": 140 * GIB,
            "mig_profile": None,
            "gpu": None,
        }
    }


def test_each_quantity_has_its_own_cadence() -> None:
    machine = Machine(Card(has_gpm=False))
    machine.run(10)
    reads = Counter(machine.nvml.calls)

    assert reads["nvmlDeviceGetFieldValues"] == 106
    assert reads["nvmlDeviceGetTotalEnergyConsumption"] == 2
    assert reads["nvmlDeviceGetPcieThroughput"] == 2
    assert 9 <= reads["nvmlDeviceGetTemperature"] <= 11


def test_hardware_counters_spare_the_slow_pcie_calls() -> None:
    machine = Machine()
    machine.run(10)
    assert machine.nvml.count("nvmlDeviceGetPcieThroughput") == 0


def test_a_state_is_stored_when_it_changes_and_again_each_second() -> None:
    card = Card(readings={"gpu.sm_clock_mhz": 1980.0})
    machine = Machine(card)
    steady = machine.run(3)
    card.readings["gpu.sm_clock_mhz"] = 345.0
    changed = machine.run(0.5)

    assert values(steady, "gpu.sm_clock_mhz") == [1980.0] * 3
    assert values(changed, "gpu.sm_clock_mhz")[:1] == [345.0]


def test_a_mean_is_stored_once_in_its_update_period_even_if_it_stays_the_same() -> None:
    steady = {"gpu.utilization_pct": 100.0, "gpu.power_mw": 700_000.0}
    samples = Machine(Card(readings=steady)).run(2.1)

    assert len(values(samples, "gpu.utilization_pct")) == 11
    assert len(values(samples, "gpu.power_mw")) == 22


def test_no_change_of_the_recorded_readings_is_missed() -> None:
    machine = Machine()
    seen = values(machine.run(2.7), "gpu.utilization_pct")
    recorded = json.loads(RECORDED.read_text())["readings"]["gpu.utilization_pct"]

    assert [value for value, _ in groupby(seen)] == [value for _, value in recorded]


@pytest.mark.parametrize("number", [NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND, FUNCTION_NOT_FOUND])
def test_what_a_card_cannot_tell_is_absent_and_not_asked_again(number: int) -> None:
    card = Card(fails={"nvmlDeviceGetTotalEnergyConsumption": number})
    machine = Machine(card)
    samples = machine.run(11)

    assert values(samples, "gpu.energy_mj") == []
    assert machine.nvml.count("nvmlDeviceGetTotalEnergyConsumption") == 1
    assert machine.collector.absent == {H200: ("gpu.energy_mj",)}
    assert machine.collector.problem is None


def test_an_error_that_may_pass_leaves_a_gap_only() -> None:
    card = Card(fails={"nvmlDeviceGetTemperature": UNKNOWN})
    machine = Machine(card)
    failing = machine.run(2)
    card.fails.clear()
    well = machine.run(2)

    assert values(failing, "gpu.temperature_c") == []
    assert values(well, "gpu.temperature_c") == [31.0, 31.0]
    assert machine.collector.absent == {H200: ()}


def test_power_comes_from_the_older_call_where_the_driver_has_no_newer_one() -> None:
    card = Card(fails={"nvmlDeviceGetFieldValues": FUNCTION_NOT_FOUND})
    assert values(Machine(card).once(), "gpu.power_mw") == [153555.0]


def test_windows_of_hardware_counters_go_from_one_step_of_the_card_to_the_next() -> None:
    machine = Machine()
    samples = [s for s in machine.run(30) if s.source == "gpm"]
    windows = {s.time_ns: s.value for s in samples if s.metric == "gpu.gpm_window_ns"}
    to_wall = START_NS - 5_000 * MS
    since = [end - to_wall - machine.nvml.step_at_ns for end in windows]

    assert len(windows) == pytest.approx(30_000 / 100.02, abs=3)
    assert list(windows.values()) == pytest.approx([STEP_NS] * len(windows), abs=0.3 * MS)
    off = [abs((ns + 50 * MS) % STEP_NS - 50 * MS) for ns in since]
    assert max(off) < 4 * MS
    assert max(off[100:]) < 2 * MS
    one = [(s.metric, s.value) for s in samples if s.time_ns == min(windows)]
    assert one[:-1] == [
        ("gpu.sm_active_pct", 2.0),
        ("gpu.sm_occupancy_pct", 3.0),
        ("gpu.tensor_active_pct", 5.0),
        ("gpu.dram_active_pct", 10.0),
        ("gpu.pcie_tx_bytes_per_s", 20.0 * (1 << 20)),
        ("gpu.pcie_rx_bytes_per_s", 21.0 * (1 << 20)),
    ]


@pytest.mark.parametrize("call", ["nvmlGpmSampleGet", "nvmlGpmMetricsGet"])
def test_counters_that_someone_else_reads_just_now_are_no_reading_and_move_no_step(
    call: str,
) -> None:
    card = Card()
    machine = Machine(card)
    before = machine.run(10)
    card.fails[call] = IN_USE
    machine.run(0.2)
    card.fails.clear()
    after = machine.run(10)

    lengths = values(after, "gpu.gpm_window_ns")
    assert machine.collector.absent == {H200: ()}
    assert len(values(before, "gpu.gpm_window_ns")) > 90
    assert round(lengths[0] / STEP_NS) in {2, 3, 4}  # what was not read is in the next one
    assert lengths[1:] == pytest.approx([STEP_NS] * (len(lengths) - 1), abs=0.5 * MS)
    assert len(lengths) == pytest.approx(10_000 / 100.02, abs=4)


def test_a_step_that_comes_late_or_shifts_all_further_ones_loses_no_window() -> None:
    machine = Machine()
    machine.run(20)
    machine.nvml.step_at_ns += 70 * MS  # for one reading
    machine.run(EVERY_S)
    machine.nvml.step_at_ns -= 70 * MS
    late = values(machine.run(10), "gpu.gpm_window_ns")
    machine.nvml.step_at_ns += 9 * MS
    shifted = [s for s in machine.run(30) if s.metric == "gpu.gpm_window_ns"]

    for lengths in (late, [s.value for s in shifted]):
        odd = [each for each in lengths if abs(each - STEP_NS) > 0.5 * MS]
        assert len(odd) <= 1, odd
    to_wall = START_NS - 5_000 * MS
    off = [
        abs((s.time_ns - to_wall - machine.nvml.step_at_ns + 50 * MS) % STEP_NS - 50 * MS)
        for s in shifted
    ]
    assert max(off[60:]) < 6 * MS


def test_windows_of_counters_that_move_all_the_time_go_from_reading_to_reading() -> None:
    machine = Machine()
    machine.nvml.step_ns = 1
    samples = machine.run(8)
    windows = {s.time_ns: s.value for s in samples if s.metric == "gpu.gpm_window_ns"}

    assert list(windows.values()) == [EVERY_S * 1e9] * 83
    assert list(windows) == [START_NS + n * int(ROUND_MS * MS) for n in range(1, 84)]


def test_rounds_that_come_too_early_make_no_short_window() -> None:
    machine = Machine()
    machine.nvml.step_ns = 1
    windows: list[float] = []
    for _ in range(240):
        windows += values(machine.once(), "gpu.gpm_window_ns")
        machine.time.pass_ms(30)
    assert set(windows) == {90.0 * MS}


def test_counters_that_read_zero_for_a_second_are_those_of_an_idle_card() -> None:
    machine = Machine()
    machine.nvml.gpm_value = lambda metric, a, b: 0.0
    samples = machine.run(9)
    assert set(values(samples, "gpu.sm_active_pct")) == {0.0}
    assert 0.9e9 <= min(values(samples, "gpu.gpm_window_ns")) < 1e9


def test_nan_infinite_and_impossible_figures_are_left_out() -> None:
    machine = Machine()
    odd = {2: float("nan"), 3: float("inf"), 5: -1.0, 10: 1e18, 20: float("nan")}
    machine.nvml.gpm_value = lambda metric, a, b: odd.get(metric, 1.0)
    samples = [s for s in machine.run(8) if s.source == "gpm"]

    assert {s.metric for s in samples} == {"gpu.pcie_rx_bytes_per_s", "gpu.gpm_window_ns"}


def test_a_pause_in_which_nobody_recorded_is_no_window_and_no_share_of_a_core() -> None:
    machine = Machine()
    before = machine.run(1.5)
    machine.time.pass_ms(60_000)
    after = machine.once()
    lengths = values(before + after, "gpu.gpm_window_ns")

    assert len(lengths) == 14  # those that waited for the steps to be found
    assert max(lengths) < 200 * MS
    assert values(after, "agent.gpu_collector_cpu_pct") == []


@pytest.mark.parametrize("jump_s", [-3600, -0.05, 0.3, 7200])
def test_a_wall_clock_that_is_set_makes_no_window(jump_s: float) -> None:
    machine = Machine()
    before = machine.run(9.5)
    machine.time.wall_ns += int(jump_s * 1e9)
    jumped = machine.once()
    machine.time.pass_ms(ROUND_MS)
    after = machine.run(0.5)

    assert values(before, "gpu.gpm_window_ns") != []
    assert values(jumped, "gpu.gpm_window_ns") == []
    assert values(after, "gpu.gpm_window_ns") == pytest.approx([STEP_NS] * 5, abs=MS)
    assert values(after, "gpu.power_mw") != []


def test_a_long_wait_for_the_interpreter_does_not_move_a_samples_time() -> None:
    machine = Machine()
    machine.nvml.step_ns = 1
    machine.run(9.5)
    take = machine.nvml.nvmlGpmSampleGet

    def slow(card: Card, sample: Any) -> Any:
        taken = take(card, sample)
        machine.time.pass_ms(30)
        return taken

    machine.nvml.nvmlGpmSampleGet = slow  # type: ignore[method-assign]
    assert values(machine.once(), "gpu.gpm_window_ns") == [EVERY_S * 1e9 + 0.2 * MS]


def test_memory_of_recorded_processes_is_theirs_and_no_others() -> None:
    processes = [
        SimpleNamespace(pid=42, usedGpuMemory=3 * GIB),
        SimpleNamespace(pid=43, usedGpuMemory=GIB),
        SimpleNamespace(pid=44, usedGpuMemory=None),
    ]
    samples = Machine(Card(processes=processes), pids=(42, 44, 45)).run(2)
    found = [s for s in samples if s.metric == "gpu.process_memory_used_bytes"]
    assert [(s.pid, s.value) for s in found] == [(42, 3.0 * GIB)] * 2


def test_several_gpus_are_read_each_for_itself() -> None:
    other = Card(uuid="GPU-b", readings={"gpu.utilization_pct": 77.0}, has_gpm=False)
    machine = Machine(Card(), other)
    samples = machine.run(0.3)

    assert values(samples, "gpu.utilization_pct", "GPU-b") == [77.0, 77.0]
    assert values(samples, "gpu.utilization_pct", H200)[0] == 12.0
    assert machine.collector.absent == {H200: (), "GPU-b": ("gpm",)}


# What a slice does not give: all that is the whole GPU's.
NOT_A_SLICES = (
    "nvmlDeviceGetUtilizationRates",
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetEnforcedPowerLimit",
    "nvmlDeviceGetTotalEnergyConsumption",
    "nvmlDeviceGetClockInfo",
    "nvmlDeviceGetTemperature",
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetComputeRunningProcesses",
)


def mig() -> Card:
    """A GPU with two slices, and a process that it counts too."""
    whole = Card(uuid="GPU-m", fails={"nvmlDeviceGetUtilizationRates": NOT_SUPPORTED})
    whole.processes = [SimpleNamespace(pid=1, usedGpuMemory=GIB)]
    no = dict.fromkeys(NOT_A_SLICES, NOT_SUPPORTED)
    whole.slices = [
        Card(uuid=f"MIG-{n}", name="NVIDIA H200 MIG 1g.18gb", fails=no, instance=n) for n in (3, 5)
    ]
    return whole


def test_mig_slices_have_memory_and_hardware_counters_and_the_gpu_has_its_power() -> None:
    machine = Machine(mig(), pids=(1,))
    samples = machine.run(6)
    by_device = {
        device: {s.metric for s in samples if s.device == device}
        for device in ("GPU-m", "MIG-3", "MIG-5")
    }

    gpm = {"gpu.sm_active_pct", "gpu.sm_occupancy_pct", "gpu.tensor_active_pct"}
    assert by_device["MIG-3"] == by_device["MIG-5"]
    assert gpm | {"gpu.memory_used_bytes", "gpu.gpm_window_ns"} <= by_device["MIG-3"]
    assert not {"gpu.power_mw", "gpu.utilization_pct"} & by_device["MIG-3"]
    assert {"gpu.power_mw", "gpu.temperature_c", "gpu.energy_mj"} <= by_device["GPU-m"]
    assert not gpm & by_device["GPU-m"]
    assert values(samples, "gpu.process_memory_used_bytes") == []
    assert machine.facts["gpu:MIG-5"]["mig_profile"] == "1g.18gb"
    assert machine.facts["gpu:MIG-5"]["gpu"] == "GPU-m"


def test_a_container_reads_the_cards_it_may_see() -> None:
    hidden = Card(uuid="GPU-x", fails={"*": NO_PERMISSION})
    machine = Machine(hidden, Card(), hidden)
    machine.once()

    assert [device.uuid for device in machine.collector.devices] == [H200]
    assert (machine.collector.hidden, machine.collector.problem) == (2, None)


def test_a_card_that_is_lost_stops_no_other_and_is_found_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing, well = Card(), Card(uuid="GPU-b")
    machine = Machine(failing, well)
    machine.run(1)
    failing.fails["*"] = LOST
    lost = machine.run(1)
    said = machine.collector.problem
    failing.fails.clear()
    machine.time.pass_ms(10_000)
    back = machine.run(1)

    assert said == f"{H200} is lost: GPU is lost"
    assert len(caplog.records) == 1
    assert values(lost, "gpu.power_mw", H200) == []
    assert len(values(lost, "gpu.power_mw", "GPU-b")) == 11
    assert values(back, "gpu.power_mw", H200) != []
    assert machine.collector.problem is None


def test_a_card_that_stays_away_is_looked_for_ever_more_rarely() -> None:
    card = Card(fails={"*": LOST})
    machine = Machine(card, Card(uuid="GPU-b"))
    for _ in range(1000):
        machine.once()
        machine.time.pass_ms(1000)

    assert machine.collector.problem == "GPU 0: GPU is lost"
    assert machine.nvml.count("nvmlInit") == 1 + 7  # after 10, 30, 70, 150, 310, 630, 950 s


def test_a_driver_that_is_reloaded_is_started_anew() -> None:
    machine = Machine()
    machine.run(1)
    machine.nvml.is_up = False
    machine.nvml.init_error = 9
    away = machine.run(0.5)
    said = machine.collector.problem
    machine.nvml.init_error = None
    machine.time.pass_ms(10_000)
    machine.once()
    machine.time.pass_ms(10_000)
    back = machine.run(0.5)

    assert [s for s in away if s.device is not None] == []
    assert said == f"{H200} is lost: error 1"
    assert values(back, "gpu.power_mw") != []
    assert machine.collector.problem is None


def test_a_card_that_was_pulled_is_said_to_be_gone() -> None:
    machine = Machine(Card(), Card(uuid="GPU-b"))
    machine.run(0.5)
    machine.nvml.cards[1].fails["*"] = LOST
    machine.run(0.5)
    del machine.nvml.cards[1]
    machine.time.pass_ms(10_000)
    machine.run(0.5)

    assert machine.collector.problem == "GPU-b is not there any more"
    assert [device.uuid for device in machine.collector.devices] == [H200]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (9, "the NVIDIA driver does not answer (Driver Not Loaded)"),
        (4, "this user may not ask the NVIDIA driver (Insufficient Permissions)"),
    ],
)
def test_a_driver_that_does_not_answer_is_a_problem_and_no_reading(number: int, said: str) -> None:
    machine = Machine()
    machine.nvml.init_error = number
    assert {s.metric for s in machine.run(1.5)} == {"agent.gpu_collector_cpu_pct"}
    assert machine.collector.problem == said
    assert machine.nvml.count("nvmlInit") == 1


def test_a_library_from_before_a_quantity_leaves_it_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(FakeNvml, "nvmlDeviceGetCurrentClocksEventReasons")
    monkeypatch.delattr(FakeNvml, "nvmlGpmQueryDeviceSupport")
    monkeypatch.delattr(FakeNvml, "NVML_FI_DEV_POWER_INSTANT")
    machine = Machine()
    found = machine.once()

    assert machine.collector.absent == {H200: ("gpm", "gpu.throttle_reasons")}
    assert values(found, "gpu.power_mw") == [153555.0]


def test_the_collector_says_what_it_takes_of_a_core() -> None:
    machine = Machine()
    machine.nvml.nvmlDeviceGetTotalEnergyConsumption = machine.spend  # type: ignore[method-assign]
    shares = values(machine.run(2.3), "agent.gpu_collector_cpu_pct")

    assert [round(share, 1) for share in shares] == [0.4, 0.0]


def test_closing_gives_back_samples_and_the_library() -> None:
    machine = Machine()
    machine.run(0.5)
    machine.collector.close()
    assert machine.nvml.count("nvmlShutdown") == 1
    machine.collector.close()
    assert machine.nvml.count("nvmlShutdown") == 1
