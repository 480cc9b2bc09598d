"""Text Generation Inference: https://huggingface.co/docs/text-generation-inference/reference/metrics

Its times of prefill and decode are of batches and of single steps, not of requests: they are not
given as such.
"""

from __future__ import annotations

from latprobe_collectors.engines.engine import Engine, Gauge, Rate, histogram

ENGINE = Engine(
    "tgi",
    "tgi_",
    gauges=(
        Gauge("engine.queue_depth", ("tgi_queue_size",)),
        Gauge("engine.running", ("tgi_batch_current_size",)),
    ),
    means=(
        histogram("engine.queue_ns_mean", "tgi_request_queue_duration"),
        histogram("engine.inference_ns_mean", "tgi_request_inference_duration"),
        histogram("engine.request_ns_mean", "tgi_request_duration"),
        histogram("engine.batch_size_mean", "tgi_batch_next_size", factor=1.0),
    ),
    rates=(
        Rate("engine.prompt_tokens_per_s", ("tgi_request_input_length_sum",)),
        Rate("engine.output_tokens_per_s", ("tgi_request_generated_tokens_sum",)),
        Rate("engine.requests_per_s", ("tgi_request_success",)),
    ),
)
