"""vLLM: https://docs.vllm.ai/en/stable/usage/metrics/ (names of versions 0.6 to 0.11 and later)."""

from __future__ import annotations

from latprobe_collectors.engines.engine import Engine, Gauge, Rate, histogram

ENGINE = Engine(
    "vllm",
    "vllm:",
    gauges=(
        Gauge("engine.queue_depth", ("vllm:num_requests_waiting",)),
        Gauge("engine.running", ("vllm:num_requests_running",)),
        Gauge(
            "engine.kv_cache_used_pct",
            ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
            combine="mean",
            factor=100.0,
        ),
    ),
    means=(
        histogram("engine.queue_ns_mean", "vllm:request_queue_time_seconds"),
        histogram("engine.prefill_ns_mean", "vllm:request_prefill_time_seconds"),
        histogram("engine.decode_ns_mean", "vllm:request_decode_time_seconds"),
        histogram("engine.inference_ns_mean", "vllm:request_inference_time_seconds"),
        histogram("engine.ttft_ns_mean", "vllm:time_to_first_token_seconds"),
        histogram("engine.request_ns_mean", "vllm:e2e_request_latency_seconds"),
    ),
    rates=(
        Rate("engine.prompt_tokens_per_s", ("vllm:prompt_tokens_total",)),
        Rate("engine.output_tokens_per_s", ("vllm:generation_tokens_total",)),
        Rate("engine.requests_per_s", ("vllm:request_success_total",)),
        Rate("engine.preemptions_per_s", ("vllm:num_preemptions_total",)),
    ),
)
