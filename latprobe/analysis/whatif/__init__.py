"""What a request would gain from a change: `predict(query, [Scale("llm", 0.5)])`."""

from latprobe.analysis.whatif.changes import (
    Batch,
    CacheHit,
    Change,
    Concurrency,
    Parallel,
    Remove,
    Replicas,
    Scale,
    Tokens,
)
from latprobe.analysis.whatif.predict import predict
from latprobe.analysis.whatif.prediction import Percentile, Prediction, Throughput

__all__ = [
    "Batch",
    "CacheHit",
    "Change",
    "Concurrency",
    "Parallel",
    "Percentile",
    "Prediction",
    "Remove",
    "Replicas",
    "Scale",
    "Throughput",
    "Tokens",
    "predict",
]
