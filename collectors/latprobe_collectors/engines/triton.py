"""NVIDIA Triton Inference Server:
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html

Durations are sums over successful requests; the batch size is inferences over executions. Its page
has a port of its own (8002), calls go to 8000 and 8001.
"""

from __future__ import annotations

from latprobe_collectors.engines.engine import MICROSECOND_NS, Engine, Gauge, Mean, Rate

_DONE = ("nv_inference_request_success",)


def _mean(metric: str, what: str) -> Mean:
    return Mean(metric, (f"nv_inference_{what}_duration_us",), _DONE, MICROSECOND_NS)


ENGINE = Engine(
    "triton",
    "nv_inference_",
    gauges=(Gauge("engine.queue_depth", ("nv_inference_pending_request_count",)),),
    means=(
        _mean("engine.queue_ns_mean", "queue"),
        _mean("engine.input_ns_mean", "compute_input"),
        _mean("engine.inference_ns_mean", "compute_infer"),
        _mean("engine.output_ns_mean", "compute_output"),
        _mean("engine.request_ns_mean", "request"),
        Mean("engine.batch_size_mean", ("nv_inference_count",), ("nv_inference_exec_count",)),
    ),
    rates=(Rate("engine.requests_per_s", _DONE),),
)
