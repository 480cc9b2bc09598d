"""Gates: limits, budgets and what too few requests lead to."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from latprobe.analysis.compare.baseline import from_document, to_document
from latprobe.analysis.compare.comparison import compare_measured
from latprobe.analysis.compare.gate import Gate, judge
from latprobe.analysis.compare.limits import (
    DEFAULT_LIMITS,
    Budget,
    Limit,
    parse_budget,
    parse_limit,
)
from latprobe.errors import UsageError
from tests.analysis.compare.recordings import lognormal, recording

USUAL = [Limit("p50_ms", 0.05), Limit("p95_ms", 0.10), Limit("error_share", 0.01)]


def states(gate: object) -> list[str]:
    return [row.state for row in gate.rows]  # type: ignore[attr-defined]  # a Gate


def test_the_same_program_passes_and_a_tenth_more_fails() -> None:
    """The promise, in a few trials; tests/benchmarks/gate.py has the figures."""
    rng = np.random.default_rng(21)
    alarms = caught = 0
    for _ in range(8):
        before, same = (
            recording(lognormal(300, rng), output_tokens=np.round(lognormal(300, rng, median=200)))
            for _ in range(2)
        )
        slower = recording(lognormal(300, rng) * 1.1)
        alarms += judge(before, same, DEFAULT_LIMITS).has_failed
        caught += judge(before, slower, [parse_limit("p95=+5%")]).has_failed
    assert alarms <= 1
    assert caught >= 6


def test_a_change_under_its_limit_passes_however_sure_it_is() -> None:
    rng = np.random.default_rng(22)
    before = recording(lognormal(3000, rng, sigma=0.1))
    after = recording(lognormal(3000, rng, sigma=0.1) * 1.03)
    assert states(judge(before, after, [Limit("p50_ms", 0.05), Limit("p50_ms", 0.02)])) == [
        "pass",
        "fail",
    ]


def test_over_the_limit_by_chance_is_unclear_and_says_how_many_would_tell() -> None:
    times = np.random.default_rng(23).permutation(100 * np.exp(np.linspace(-1.2, 1.2, 20)))
    before, after = recording(times), recording(times * 1.2)
    gate = judge(before, after, [Limit("p50_ms", 0.05)])
    assert (gate.is_unclear, gate.has_failed) == (True, False)
    assert "on each side would tell" in gate.rows[0].reason


def test_one_request_on_a_side_tells_nothing() -> None:
    before, after = recording(np.array([100.0])), recording(np.array([300.0]))
    gate = judge(before, after, [Limit("p50_ms", 0.05), Limit("p95_ms", 0.05)])
    assert states(gate) == ["unclear", "unclear"]
    assert "at least 20 on each side" in gate.rows[1].reason


def test_tokens_that_never_vary_are_told_from_three_requests() -> None:
    before, after = (
        recording(np.full(3, 100.0), output_tokens=np.full(3, value)) for value in (200.0, 260.0)
    )
    limits = [parse_limit("output_tokens=+10%"), parse_limit("input_tokens=+10%")]
    assert states(judge(before, after, limits)) == ["fail", "pass"]


def test_budgets_are_broken_only_by_more_than_chance() -> None:
    rng = np.random.default_rng(24)
    after = recording(
        lognormal(200, rng, median=900, sigma=0.1), output_tokens=lognormal(200, rng, median=300)
    )
    budgets = [
        Budget("p95_ms", 800),
        Budget("p95_ms", 1500),
        Budget("output_tokens", 100),
        Budget("output_tokens", 400),
        Budget("error_share", 0.01),
        Budget("throughput_per_s", 0.5),
        Budget("throughput_per_s", 5),
    ]
    assert states(judge(None, after, budgets=budgets)) == [
        *("fail", "pass", "fail", "pass", "pass", "pass", "fail")
    ]


def test_budgets_that_are_just_what_a_program_takes_share_the_false_alarms() -> None:
    rng = np.random.default_rng(27)
    broken = 0
    for _ in range(40):
        after = recording(lognormal(200, rng), is_error=rng.random(200) < 0.05)
        budgets = [Budget("p50_ms", 400.0), Budget("error_share", 0.05)]
        budgets += [Budget("p95_ms", 400 * float(np.exp(0.25 * 1.6449)))]
        broken += judge(None, after, budgets=budgets).has_failed
    assert broken <= 2
    rows = judge(None, after, budgets=budgets).rows
    alone = [judge(None, after, budgets=[each]).rows[0].p_value or 0.0 for each in budgets]
    least = int(np.argmin(alone))
    assert rows[least].p_value == pytest.approx(min(1.0, 3 * alone[least]))


def test_a_throughput_just_under_its_budget_is_no_failure() -> None:
    rng = np.random.default_rng(28)
    after = recording(lognormal(200, rng))
    start = np.cumsum(rng.exponential(1e9, 200)).astype(np.int64)
    after = replace(after, start_ns=start, active_ns=int(start[-1] - start[0]))
    rate = after.throughput_per_s
    assert rate is not None
    budgets = [Budget("throughput_per_s", rate * share) for share in (0.99, 1.01, 1.5)]
    assert [judge(None, after, budgets=[each]).rows[0].state for each in budgets] == [
        *("pass", "unclear", "fail")
    ]
    interval = judge(None, after, budgets=budgets).rows[0].interval
    assert interval is not None
    assert interval.low < rate < interval.high < 1.4 * rate


def test_four_requests_far_over_a_p95_budget_are_enough_and_one_of_ten_is_not() -> None:
    far = recording(np.array([900.0, 950.0, 870.0, 990.0]))
    assert states(judge(None, far, budgets=[Budget("p95_ms", 100)])) == ["fail"]
    one = recording(np.array([100.0] * 9 + [900.0]))
    gate = judge(None, one, budgets=[Budget("p95_ms", 400)])
    assert states(gate) == ["unclear"]


def test_a_failed_stage_is_named_and_an_unknown_one_refused() -> None:
    rng = np.random.default_rng(25)
    ocr = lognormal(300, rng, median=100)
    before = recording(ocr + 300, stages={"ocr": ocr})
    slow = lognormal(300, rng, median=150)
    after = recording(slow + 300, stages={"ocr": slow, "rerank": slow})
    gate = judge(before, after, [parse_limit("ocr:p95=+10%"), parse_limit("rerank:p50=+1%")])
    assert states(gate) == ["fail", "absent"]
    assert "nothing to compare it with" in gate.rows[1].reason
    with pytest.raises(UsageError, match="Did you mean 'ocr'"):
        judge(before, after, [parse_limit("orc:p95=+10%")])


def test_what_was_not_measured_is_said() -> None:
    rng = np.random.default_rng(26)
    before, after = (recording(lognormal(50, rng)) for _ in range(2))
    gate = judge(before, after, [Limit("cost_usd", 0.1)], [Budget("cost_usd", 1)])
    assert states(gate) == ["absent", "absent"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p95=+5%", Limit("p95_ms", 0.05)),
        ("p95_ms=5%", Limit("p95_ms", 0.05)),
        ("a:b:cost=+2.5 %", Limit("cost_usd", 0.025, "a:b")),
        ("errors=+1%", Limit("error_share", 0.01)),
        ("throughput=-5%", Limit("throughput_per_s", 0.05)),
    ],
)
def test_limits_are_read(text: str, expected: Limit) -> None:
    assert parse_limit(text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("p95=banana", "'banana' is not a change"),
        ("p95", "has no value"),
        ("=5%", "has no value"),
        ("p96=5%", "Did you mean p9"),
        ("p95=5", "write a percentage"),
        ("p95=-5%", "may rise by at most"),
        ("throughput=+5%", "throughput may fall"),
        ("ocr:throughput=-5%", "not of a stage"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_limit(text)


def test_budgets_are_read() -> None:
    assert parse_budget("p95_ms=800") == Budget("p95_ms", 800)
    assert parse_budget("p95=800ms") == Budget("p95_ms", 800)
    assert parse_budget("errors=1%") == Budget("error_share", 0.01)
    assert parse_budget("llm:cost_usd=1e-3") == Budget("cost_usd", 0.001, "llm")
    with pytest.raises(UsageError, match="is not an amount"):
        parse_budget("p95_ms=5%")
    for text in ("p95_ms=1e999", f"cost_usd={'9' * 400}"):
        with pytest.raises(UsageError, match="is not an amount"):
            parse_budget(text)
    with pytest.raises(UsageError, match="is not a change"):
        parse_limit(f"p95=+{'9' * 400}%")


def test_a_baseline_document_gives_the_same_figures_back() -> None:
    rng = np.random.default_rng(27)
    ocr = np.round(lognormal(60, rng), 3)
    tokens = np.round(lognormal(60, rng))
    tokens[3] = np.nan
    found = recording(
        ocr, output_tokens=tokens, is_error=rng.random(60) < 0.2, stages={"ocr": ocr / 2}
    )
    again = from_document(to_document(found))
    other = recording(np.round(lognormal(60, rng), 3))
    first, second = (compare_measured(each, other) for each in (found, again))
    values = [[row.before for row in each.rows] for each in (first, second)]
    assert values[1] == pytest.approx(values[0], rel=1e-5)
    assert [row.verdict for row in second.rows] == [row.verdict for row in first.rows]
    assert to_document(again) == to_document(found)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 99},
        {"duration_us": [1]},
        {"duration_us": "x"},
        {"failed": [999]},
        {"stages": {"a": {"request": [70]}}},
        {"tokens": {}},
    ],
)
def test_a_damaged_document_is_refused(change: dict[str, object]) -> None:
    document = to_document(recording(np.full(5, 10.0), output_tokens=np.ones(5)))
    with pytest.raises(UsageError, match="baseline"):
        from_document({**document, **change})
    with pytest.raises(UsageError, match="not a latprobe baseline"):
        from_document([1])


def uneven(seed: int, factor: float, tokens: float = 200.0) -> Gate:
    """121 requests against 51, by the usual limits."""
    rng = np.random.default_rng(seed)
    before, after = (
        recording(
            lognormal(count, rng, sigma=0.5) * times,
            output_tokens=np.round(lognormal(count, rng, median=median)),
        )
        for count, times, median in ((120, 1.0, 200.0), (50, factor, tokens))
    )
    return judge(before, after, DEFAULT_LIMITS)


def test_what_a_gate_cannot_tell_comes_with_the_interval_it_judged_by() -> None:
    """However clear the 95 % interval of that figure alone is."""
    rng = np.random.default_rng(47)
    sides = recording(lognormal(121, rng, sigma=0.5)), recording(lognormal(51, rng, sigma=0.5))
    gate = judge(sides[0], replace(sides[1], duration_ns=sides[1].duration_ns * 5 // 4), USUAL)
    row = gate.rows[0]
    assert row.state == "unclear"
    assert row.interval is not None
    assert row.interval.low > 0
    assert row.proof is not None
    assert row.proof.level > 0.96
    assert row.proof.interval.low < 0 < row.proof.interval.high
    assert "at the 98.7 % that 3 limits ask for it lies between" in row.reason
    wanted = re.search(r"about ([\d,]+) on each side would tell \(121 and 51 now\)", row.reason)
    assert wanted is not None
    assert int(wanted[1].replace(",", "")) > 121


def test_what_fails_lies_above_zero_at_the_level_it_is_judged_by() -> None:
    for seed in (31, 32):
        row = uneven(seed, 2.0).rows[0]
        assert row.state == "fail"
        assert row.proof is not None
        assert row.proof.interval.low > 0
    assert row.to_json()["proof_level"] == pytest.approx(0.992)


def test_what_compare_calls_worse_is_never_passed_over_its_limit() -> None:
    gates = [uneven(seed, 1.35, tokens=150.0) for seed in range(30, 38)]
    told = [
        row.state
        for gate in gates
        for row in gate.rows
        if gate.comparison is not None and row.change is not None and row.change > row.allowed
        if (found := gate.comparison.row(row.metric, row.stage)) and found.verdict == "worse"
    ]
    assert told
    assert set(told) == {"fail"}
    # Of these some fail by that alone: their limit by itself would not.
    assert any("which calls it worse" in row.reason for gate in gates for row in gate.rows)
