"""SGLang, started with --enable-metrics: https://docs.sglang.io/references/production_metrics.html

`token_usage` is the used part of the KV cache. With metrics of all schedulers every rank of a
tensor- or pipeline-parallel engine says the same.
"""

from __future__ import annotations

from latprobe_collectors.engines.engine import Engine, Gauge, Rate, histogram

ENGINE = Engine(
    "sglang",
    "sglang:",
    gauges=(
        Gauge("engine.queue_depth", ("sglang:num_queue_reqs",)),
        Gauge("engine.running", ("sglang:num_running_reqs",)),
        Gauge("engine.kv_cache_used_pct", ("sglang:token_usage",), combine="mean", factor=100.0),
    ),
    means=(
        histogram("engine.queue_ns_mean", "sglang:queue_time_seconds"),
        histogram(
            "engine.prefill_ns_mean",
            "sglang:per_stage_req_latency_seconds",
            only=(("stage", "prefill_forward"),),
        ),
        histogram("engine.ttft_ns_mean", "sglang:time_to_first_token_seconds"),
        histogram("engine.request_ns_mean", "sglang:e2e_request_latency_seconds"),
    ),
    rates=(
        Rate("engine.prompt_tokens_per_s", ("sglang:prompt_tokens_total",)),
        Rate("engine.output_tokens_per_s", ("sglang:generation_tokens_total",)),
        Rate("engine.requests_per_s", ("sglang:num_requests_total",)),
    ),
    ranks=("tp_rank", "pp_rank", "moe_ep_rank"),
)
