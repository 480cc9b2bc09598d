"""TensorFlow Serving, with a monitoring_config that enables its page (on the REST port):
https://www.tensorflow.org/tfx/serving/serving_config#monitoring_configuration

All times are in microseconds; those of batching are there with --enable_batching.
"""

from __future__ import annotations

from latprobe_collectors.engines.engine import MICROSECOND_NS, Engine, Rate, histogram

_PREFIX = ":tensorflow:serving:"
_BATCHING = f"{_PREFIX}batching_session:"

ENGINE = Engine(
    "tensorflow_serving",
    _PREFIX,
    means=(
        histogram("engine.queue_ns_mean", f"{_BATCHING}queuing_latency", factor=MICROSECOND_NS),
        histogram("engine.inference_ns_mean", f"{_PREFIX}runtime_latency", factor=MICROSECOND_NS),
        histogram("engine.request_ns_mean", f"{_PREFIX}request_latency", factor=MICROSECOND_NS),
        histogram("engine.batch_size_mean", f"{_BATCHING}processed_batch_size", factor=1.0),
    ),
    rates=(Rate("engine.requests_per_s", (f"{_PREFIX}request_count",)),),
)
