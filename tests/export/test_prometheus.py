"""The page that Prometheus reads."""

from __future__ import annotations

from latprobe.export.prometheus import metrics_text
from latprobe.store.owner import StoreOwner


def without_buckets(text: str) -> list[str]:
    return [line for line in text.splitlines() if "_bucket{" not in line and line[0] != "#"]


def test_stages_and_the_last_samples_are_on_the_page(owner: StoreOwner) -> None:
    text = metrics_text(owner.query)

    assert without_buckets(text) == [
        'latprobe_stage_duration_seconds_sum{service="shop",stage="ask"} 0.009',
        'latprobe_stage_duration_seconds_count{service="shop",stage="ask"} 1',
        'latprobe_stage_duration_seconds_sum{service="shop",stage="chat m-1"} 0.008',
        'latprobe_stage_duration_seconds_count{service="shop",stage="chat m-1"} 1',
        'latprobe_stage_duration_seconds_sum{service="shop",stage="decode"} 0.0075',
        'latprobe_stage_duration_seconds_count{service="shop",stage="decode"} 1',
        'latprobe_stage_errors_total{service="shop",stage="ask"} 0',
        'latprobe_stage_errors_total{service="shop",stage="chat m-1"} 1',
        'latprobe_stage_errors_total{service="shop",stage="decode"} 0',
        'latprobe_stage_input_tokens_total{service="shop",stage="chat m-1"} 100',
        'latprobe_stage_input_tokens_total{service="shop",stage="decode"} 5',
        'latprobe_stage_output_tokens_total{service="shop",stage="chat m-1"} 20',
        'latprobe_spans_dropped_total{service="shop"} 0',
        'latprobe_gpu_power_mw{device="0"} 90000',
        'latprobe_process_cpu_pct{pid="4242"} 50',
    ]


def test_buckets_rise_and_end_with_the_count(owner: StoreOwner) -> None:
    lines = metrics_text(owner.query).splitlines()
    ask = [line for line in lines if '_bucket{service="shop",stage="ask"' in line]
    counts = [int(line.rpartition(" ")[2]) for line in ask]
    first = next(line for line in ask if line.endswith(" 1"))

    assert (counts, 'le="0.016777216"' in first) == (sorted(counts), True)
    assert (counts[0], counts[-1], len(counts)) == (0, 1, 23)


def test_names_from_programs_are_quoted(owner: StoreOwner) -> None:
    from latprobe.export.prometheus import _labels

    assert _labels(stage='a"b\\c\nd') == '{stage="a\\"b\\\\c\\nd"}'
