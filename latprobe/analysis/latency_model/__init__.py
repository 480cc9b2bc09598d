"""How long a model call takes for its tokens, and what other tokens would save."""

from latprobe.analysis.latency_model.calls import CallColumns, call_columns
from latprobe.analysis.latency_model.changed_calls import TokenChange, changed_calls, changed_to
from latprobe.analysis.latency_model.fit import fit_latency
from latprobe.analysis.latency_model.model import LatencyModel
from latprobe.analysis.latency_model.stored_models import StoredModel, latency_models
from latprobe.analysis.latency_model.token_effect import TokenEffect, token_effect

__all__ = [
    "CallColumns",
    "LatencyModel",
    "StoredModel",
    "TokenChange",
    "TokenEffect",
    "call_columns",
    "changed_calls",
    "changed_to",
    "fit_latency",
    "latency_models",
    "token_effect",
]
