"""Counters of 100 ms told apart into stages of milliseconds."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.gpu.attribution import Attributed, attribute, attribute_all
from latprobe.analysis.gpu.counters import PERCENT, Windows
from latprobe.analysis.gpu.least_squares import MIN_WINDOWS
from latprobe.analysis.gpu.occupancy import Segments
from tests.analysis.gpu.simulated import MS, Errors, simulate

PIPELINE = {
    "image.decode": (40.0, 0.0),
    "vision.encode": (30.0, 85.0),
    "llm.generate": (300.0, 20.0),
    "text.embed": (12.0, 60.0),
}
SHORT = {
    "data.decode": (20.0, 0.0),
    "to_gpu": (8.0, 10.0),
    "encode": (40.0, 90.0),
    "scan": (30.0, 92.0),
    "decode_loop": (200.0, 20.0),
    "embed": (4.0, 40.0),
}


def test_stages_are_told_apart_within_their_intervals() -> None:
    covered, wrong = 0, 0.0
    for seed in range(6):
        card = simulate(PIPELINE, requests=200, seed=seed)
        found = attribute(card.segments, card.names, card.windows, most=PERCENT)
        for name, truth in card.truth.items():
            stage = found.stages[name]
            assert stage.value is not None, stage
            assert stage.low is not None
            assert stage.high is not None
            wrong = max(wrong, abs(stage.value - truth))
            covered += stage.low - 0.05 <= truth <= stage.high + 0.05
    assert wrong < 8.0
    assert covered >= 0.9 * 6 * len(PIPELINE)


@pytest.mark.parametrize(
    "errors",
    [
        Errors(stamp_ms=2),
        Errors(length=0.02),
        Errors(drift_ms=10),
        Errors(drift_ms=30),
        Errors(level=0.05),
        Errors(stamp_ms=2, length=0.02, drift_ms=10, level=0.03),
    ],
    ids=str,
)
def test_intervals_hold_the_truth_when_readings_are_not_what_they_seem(errors: Errors) -> None:
    covered, told, wrong = 0, 0, 0.0
    for seed, stages in enumerate((PIPELINE, SHORT)):
        card = simulate(stages, requests=220, seed=seed, errors=errors)
        found = attribute(card.segments, card.names, card.windows, most=PERCENT)
        for name, truth in card.truth.items():
            stage = found.stages[name]
            if stage.value is None:
                continue
            assert stage.low is not None
            assert stage.high is not None
            told += 1
            covered += stage.low <= truth <= stage.high
            if stages[name][0] >= 12:
                wrong = max(wrong, abs(stage.value - truth))
    assert told >= 9
    assert covered >= told - 1
    assert wrong < 10.0


def test_readings_that_were_not_of_the_stages_are_left_out() -> None:
    card = simulate(PIPELINE, requests=200, seed=4)
    value = card.windows.value.copy()
    value[::40] = 0.0  # a counter that had not moved on
    found = attribute(
        card.segments,
        card.names,
        Windows(card.windows.start_ns, card.windows.end_ns, value),
        most=PERCENT,
    )
    plain = attribute(card.segments, card.names, card.windows, most=PERCENT)
    for name in ("vision.encode", "llm.generate"):
        one, other = found.stages[name].value, plain.stages[name].value
        assert one is not None
        assert other is not None
        assert abs(one - other) < 1.5


def test_hardware_counters_whose_windows_are_not_where_they_are_said_to_be_give_no_figure() -> None:
    card = simulate(PIPELINE, requests=200, seed=5)
    off = np.random.default_rng(5).integers(-100 * MS, 0, len(card.windows))
    moved = Windows(card.windows.start_ns + off, card.windows.end_ns + off, card.windows.value)
    metric = "gpu.sm_active_pct"
    right, wrong = (
        attribute_all(card.segments, card.names, {metric: windows}, {metric: PERCENT})[metric]
        for windows in (card.windows, moved)
    )
    assert right.stages["llm.generate"].value is not None
    assert [each.value for each in wrong.stages.values()] == [None] * len(PIPELINE)
    assert "cannot be trusted" in (wrong.stages["llm.generate"].reason or "")


def test_windows_with_several_requests_are_left_out_if_enough_remain() -> None:
    card = simulate(PIPELINE, requests=200, seed=4)
    third = len(card.segments.start_ns) // 3
    beside = Segments(
        np.append(card.segments.stage, card.segments.stage[:third]),
        np.append(card.segments.start_ns, card.segments.start_ns[:third] + 150 * MS),
        np.append(card.segments.end_ns, card.segments.end_ns[:third] + 150 * MS),
    )
    found = attribute(beside, card.names, card.windows, most=PERCENT)
    assert 0.2 < found.overlap < 0.45
    value = found.stages["vision.encode"].value
    assert value is not None
    assert abs(value - 85) < 6


def test_counters_of_the_same_windows_share_their_lag() -> None:
    card = simulate(PIPELINE, requests=200, seed=1, delay_ns=23 * MS, noise=1.0)
    windows = card.windows
    half = Windows(windows.start_ns, windows.end_ns, windows.value / 2)
    found = attribute_all(
        card.segments, card.names, {"one": windows, "two": half}, {"two": 100.0, "one": 100.0}
    )
    assert found["one"].delay_ns == found["two"].delay_ns
    assert list(found) == ["two", "one"]


def test_stages_that_run_together_have_a_figure_together() -> None:
    card = simulate({"a": (60.0, 50.0), "c": (50.0, 10.0)}, requests=200, seed=3)
    segments = card.segments
    is_a = segments.stage == 0
    # Each run of a is many short turns of two stages.
    turns = 50
    edges = np.linspace(segments.start_ns[is_a], segments.end_ns[is_a], 2 * turns + 1).astype(
        np.int64
    )
    apart = Segments(
        np.concatenate((np.tile([0, 2], turns).repeat(is_a.sum()), segments.stage[~is_a])),
        np.concatenate((edges[:-1].ravel(), segments.start_ns[~is_a])),
        np.concatenate((edges[1:].ravel(), segments.end_ns[~is_a])),
    )
    found = attribute(apart, ("a", "c", "a again"), card.windows, most=PERCENT).stages
    assert found["a"].value is None
    assert found["a"].twins == ("a again",)
    assert found["a"].together == found["a again"].together
    assert found["a"].together is not None
    value, low, high = found["a"].together
    assert abs(value - 50) < 4
    assert low < 50 < high


def test_the_delay_of_the_readings_is_found() -> None:
    card = simulate(PIPELINE, requests=200, seed=1, delay_ns=23 * MS, noise=1.0)
    found = attribute(card.segments, card.names, card.windows, most=PERCENT)
    assert abs(found.delay_ns - 23 * MS) <= 2 * MS


def test_stages_that_always_share_their_time_cannot_be_told_apart() -> None:
    card = simulate(
        {"a": (4.0, 90.0), "b": (4.0, 10.0), "c": (50.0, 40.0)},
        requests=300,
        seed=3,
        jitter=0.0,
        noise=3.0,
    )
    # Both run once in every millisecond's neighbourhood of the other: the windows cannot see which.
    found = attribute(card.segments, card.names, card.windows, most=PERCENT)
    for name in ("a", "b"):
        stage = found.stages[name]
        if stage.value is None:
            assert stage.reason is not None
            assert stage.low is None or stage.low <= card.truth[name] <= (stage.high or 100.0)
        else:
            assert stage.low is not None
            assert stage.high is not None
            assert stage.low - 5 <= card.truth[name] <= stage.high + 5


def test_identical_columns_name_their_twin() -> None:
    card = simulate({"a": (60.0, 50.0), "c": (50.0, 40.0)}, requests=200, seed=3)
    twice = card.segments
    both = type(twice)(
        stage=twice.stage.repeat(2),
        start_ns=twice.start_ns.repeat(2),
        end_ns=twice.end_ns.repeat(2),
    )
    both.stage[1::2][both.stage[1::2] == 0] = 2  # a second stage, always beside the first
    both.stage[1::2][both.stage[1::2] == 1] = 1
    found = attribute(both, ("a", "c", "beside a"), card.windows, most=PERCENT)
    assert found.stages["a"].value is None
    assert found.stages["a"].twins == ("beside a",)
    assert "cannot be told apart from beside a" in (found.stages["a"].reason or "")


def test_few_readings_are_said() -> None:
    card = simulate(PIPELINE, requests=3, seed=0)
    found = attribute(card.segments, card.names, card.windows, most=PERCENT)
    assert len(card.windows) < MIN_WINDOWS
    assert set(found.stages.values()) == {
        Attributed(
            None,
            None,
            None,
            found.stages["llm.generate"].windows,
            f"{found.stages['llm.generate'].windows} readings while requests ran; "
            f"it takes {MIN_WINDOWS}",
        )
    }


def test_a_stage_too_short_to_be_seen_is_said() -> None:
    card = simulate({**PIPELINE, "tiny": (0.1, 50.0)}, requests=100, seed=2)
    assert attribute(card.segments, card.names, card.windows, most=PERCENT).stages["tiny"] == (
        Attributed(None, None, None, len(card.windows), "too little of the time was spent in it")
    )
