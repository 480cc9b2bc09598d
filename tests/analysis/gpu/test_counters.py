"""Readings of a counter as windows."""

from __future__ import annotations

from latprobe.analysis.gpu.counters import device_windows, is_any_read
from tests.analysis.gpu.seeded_card import DEVICE, insert, sample
from tests.analysis.seeding import MS, MemoryStore

UTILIZATION = "gpu.utilization_pct"


def windows_of(readings: list[tuple[int, float]], metric: str = UTILIZATION) -> list[object]:
    store = MemoryStore()
    insert(store, "samples", [sample(at * MS, metric, value) for at, value in readings])
    found = device_windows(store, 0, 10**15)[DEVICE][metric]
    return [
        (start // MS, end // MS, value)
        for start, end, value in zip(
            found.start_ns.tolist(), found.end_ns.tolist(), found.value.tolist(), strict=True
        )
    ]


def test_a_reading_is_the_mean_since_the_one_before() -> None:
    assert windows_of([(0, 5), (200, 10), (400, 20), (610, 30)]) == [
        (0, 200, 10.0),
        (200, 400, 20.0),
        (400, 610, 30.0),
    ]


def test_a_value_that_was_not_stored_again_held_until_the_update_before_the_next() -> None:
    readings = [(0, 5.0), (200, 10.0), (400, 20.0), (600, 30.0), (1400, 50.0), (1600, 60.0)]
    assert windows_of(readings)[3:] == [
        (600, 1200, 30.0),
        (1200, 1400, 50.0),
        (1400, 1600, 60.0),
    ]


def test_a_long_pause_is_no_window() -> None:
    readings = [(0, 5.0), (200, 10.0), (400, 20.0), (5000, 30.0), (5200, 40.0)]
    assert windows_of(readings) == [(0, 200, 10.0), (200, 400, 20.0), (5000, 5200, 40.0)]


def test_readings_at_one_time_and_those_that_are_no_number_are_left_out() -> None:
    readings = [(0, 5.0), (200, 10.0), (200, 99.0), (300, float("nan")), (400, 20.0)]
    assert windows_of(readings) == [(0, 200, 10.0), (200, 400, 20.0)]


def test_one_reading_has_no_window() -> None:
    assert windows_of([(100, 5.0)]) == []


def test_hardware_counters_say_how_long_their_window_was() -> None:
    store = MemoryStore()
    insert(
        store,
        "samples",
        [
            sample(at * MS, metric, value)
            for at in (100, 230, 360)
            for metric, value in (("gpu.sm_active_pct", at / 10), ("gpu.gpm_window_ns", 101e6))
        ],
    )
    found = device_windows(store, 0, 10**15)[DEVICE]
    assert list(found) == ["gpu.sm_active_pct"]
    windows = found["gpu.sm_active_pct"]
    assert (windows.start_ns // MS).tolist() == [-1, 129, 259]
    assert (windows.end_ns // MS).tolist() == [100, 230, 360]
    assert windows.value.tolist() == [10.0, 23.0, 36.0]


def test_a_hardware_reading_after_a_pause_adds_no_window_for_the_pause() -> None:
    store = MemoryStore()
    times = [*range(100, 2000, 100), *range(2400, 4000, 100)]
    rows = [
        sample(at * MS, metric, value)
        for at in times
        for metric, value in (("gpu.sm_active_pct", 7.0), ("gpu.gpm_window_ns", 100e6))
    ]
    insert(store, "samples", rows)
    windows = device_windows(store, 0, 10**15)[DEVICE]["gpu.sm_active_pct"]
    assert (windows.end_ns // MS).tolist() == times
    assert set((windows.end_ns - windows.start_ns) // MS) == {100}


def test_devices_are_apart_and_other_readings_are_not_asked_for() -> None:
    store = MemoryStore()
    rows = [sample(at * MS, UTILIZATION, 5.0, device) for device in "ab" for at in (1, 200, 400)]
    insert(store, "samples", [*rows, sample(5 * MS, "gpu.temperature_c", 40.0)])
    found = device_windows(store, 100 * MS, 10**15)
    assert {device: list(metrics) for device, metrics in found.items()} == {
        "a": [UTILIZATION],
        "b": [UTILIZATION],
    }
    assert len(found["a"][UTILIZATION]) == 1


def test_a_store_without_a_gpu_is_known_by_one_question() -> None:
    store = MemoryStore()
    assert not is_any_read(store)
    insert(store, "samples", [sample(1, "gpu.temperature_c", 40.0)])
    assert not is_any_read(store)
    insert(store, "samples", [sample(1, UTILIZATION, 40.0)])
    assert is_any_read(store)
