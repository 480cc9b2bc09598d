"""vLLM's in-process engine: `LLM.generate` and `LLM.chat`.

vLLM fills in a request's times only where the engine was made with `disable_log_stats=False`;
otherwise there are tokens and the whole duration. One call may hold many requests: tokens are their
sums, times their means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.calls import Args, Kwargs, Site, stage_calls
from latprobe.recorder import Stage, make_stage

_LATENCY = "gen_ai.latency."
# Each time as (later, earlier), by the field names of RequestStateStats (V1) and of
# RequestMetrics (V0). Fields of one pair are of one clock.
_SPANS = {
    "time_in_queue": (("scheduled_ts", "queued_ts"), ("first_scheduled_time", "arrival_time")),
    "time_in_model_prefill": (
        ("first_token_ts", "scheduled_ts"),
        ("first_token_time", "first_scheduled_time"),
    ),
    "time_in_model_decode": (
        ("last_token_ts", "first_token_ts"),
        ("last_token_time", "first_token_time"),
    ),
    "time_to_first_token": (("first_token_ts", "queued_ts"), ("first_token_time", "arrival_time")),
}


def instrument(settings: Settings) -> Undo:
    """Stages `text_completion MODEL` and `chat MODEL`."""
    module = "vllm.entrypoints.llm"
    return stage_calls(
        __name__,
        (
            Site(module, "LLM.generate", _generate, _done),
            Site(module, "LLM.chat", _chat, _done),
        ),
    )


def _generate(args: Args, kwargs: Kwargs) -> Stage | None:
    return _stage("text_completion", args)


def _chat(args: Args, kwargs: Kwargs) -> Stage | None:
    return _stage("chat", args)


def _stage(operation: str, args: Args) -> Stage | None:
    if not args:
        return None
    name = _model_name(args[0])
    return make_stage(
        f"{operation} {name}",
        "text",
        {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "vllm",
            "gen_ai.request.model": name,
        },
    )


def _done(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    requests = list(result)
    completions = [one for request in requests for one in request.outputs]
    found: dict[str, Any] = {
        "latprobe.batch_size": len(requests),
        "gen_ai.usage.input_tokens": sum(len(one.prompt_token_ids or ()) for one in requests),
        "gen_ai.usage.output_tokens": sum(len(one.token_ids) for one in completions),
    }
    cached = [getattr(one, "num_cached_tokens", None) for one in requests]
    if cached and None not in cached:
        found["gen_ai.usage.cache_read.input_tokens"] = sum(cached)
    reasons = sorted({one.finish_reason for one in completions if one.finish_reason})
    if reasons:
        found["gen_ai.response.finish_reasons"] = reasons
    stage.set(**found, **_times([one.metrics for one in requests if one.metrics is not None]))


def _times(metrics: list[Any]) -> dict[str, float]:
    """Means in seconds over the requests that have the figure."""
    found = {}
    for name, pairs in _SPANS.items():
        values = [value for one in metrics if (value := _between(one, pairs)) is not None]
        if values:
            found[_LATENCY + name] = sum(values) / len(values)
    return found


def _between(metrics: Any, pairs: Iterable[tuple[str, str]]) -> float | None:
    for later, earlier in pairs:
        end, start = getattr(metrics, later, None), getattr(metrics, earlier, None)
        if end and start and end >= start:  # 0.0 is vLLM's "not yet"
            return float(end - start)
    return None


def _model_name(engine: Any) -> str:
    config = getattr(getattr(engine, "llm_engine", None), "model_config", None)
    name = getattr(config, "served_model_name", None) or getattr(config, "model", None)
    if isinstance(name, list | tuple):
        name = name[0] if name else None
    return name if isinstance(name, str) and name else type(engine).__name__
