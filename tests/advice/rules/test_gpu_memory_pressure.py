"""Full memory, a free card beside a busy one, and attention on long prompts."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import attention_variant, gpu_allocation, gpu_memory_pressure
from tests.advice.gains import p50_ms, p95_ms
from tests.advice.pipelines import Recording
from tests.advice.rules.test_scale_out import in_line


def test_runs_that_ran_out_of_memory_are_found_where_they_failed() -> None:
    recording = Recording(seed=1)
    for number in range(100):
        with recording.request() as request:
            if number % 5 == 0:
                with request.inside("answer", error_type="torch.OutOfMemoryError") as answer:
                    answer.stage("encode", 300, status="error", error_type="torch.OutOfMemoryError")
            request.stage("encode", 100)
    (only,) = gpu_memory_pressure.find(Context(recording.query()))
    assert only.subject == "encode"
    assert p95_ms(only) == pytest.approx(300, rel=0.3)


def full(share: float) -> Recording:
    recording = Recording(seed=2)
    for _ in range(30):
        with recording.request() as request:
            request.stage("encode", 100)
    for at in range(40):
        recording.sample(at * 100, "gpu.memory_used_bytes", share * 80e9, device="GPU-1")
        recording.sample(at * 100, "gpu.memory_total_bytes", 80e9, device="GPU-1")
    return recording


def test_a_full_card_without_failures_is_a_suspicion_and_nine_tenths_are_none() -> None:
    (only,) = gpu_memory_pressure.find(Context(full(0.98).query()))
    assert only.verdict == "not enough data"
    assert not list(gpu_memory_pressure.find(Context(full(0.9).query())))


def on_two_cards(free_pct: float) -> Context:
    recording = in_line(120, model="yolo", modality="image")
    for at in range(300):
        recording.sample(at * 100, "gpu.utilization_pct", 85, device="GPU-1")
        recording.sample(at * 100, "gpu.utilization_pct", free_pct, device="GPU-2")
    store = recording.query()
    store.connection.execute(
        "INSERT INTO gpu_spans (trace_id, span_id, run_id, device) "
        "SELECT trace_id, span_id, run_id, 'GPU-1' FROM spans WHERE name = 'detect'"
    )
    return Context(store)


def test_a_card_that_idles_beside_a_line_is_to_be_used() -> None:
    (only,) = gpu_allocation.find(on_two_cards(3))
    assert only.title.startswith("Run detect on GPU-2 as well")
    assert p95_ms(only) > 100
    assert not list(gpu_allocation.find(on_two_cards(60)))


def prompts(
    a_token_us: float, a_pair_ns: float, *, model: str = "qwen-7b", provider: str = "vllm"
) -> Recording:
    recording = Recording(seed=3, spread=0.02)
    for number in range(90):
        tokens = 1000 * (1 + number % 9)
        ttft_ms = (tokens * a_token_us + tokens**2 * a_pair_ns / 1000) / 1000
        with recording.request() as request:
            request.call(
                "llm", ttft_ms + 100, ttft_ns=int(ttft_ms * 1e6),
                usage={"input_tokens": tokens}, model=model, provider=provider,
            )  # fmt: skip
            recording.spans[-1]["input_tokens"] = tokens
    return recording


def test_reading_that_grows_with_the_square_asks_for_other_attention() -> None:
    (only,) = attention_variant.find(Context(prompts(50, 10).query()))
    # 5,000 tokens: 250 ms in proportion and 250 ms for pairs.
    assert p50_ms(only) == pytest.approx(250, rel=0.15)


def test_reading_in_proportion_and_hosted_models_stay_silent() -> None:
    assert not list(attention_variant.find(Context(prompts(100, 0).query())))
    hosted = prompts(50, 10, model="gpt-4o", provider="openai")
    assert not list(attention_variant.find(Context(hosted.query())))
