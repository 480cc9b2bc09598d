"""Hugging Face transformers: `generate`.

Counts come from shapes, which are known on the host: nothing here waits for a GPU. Times of tokens
are host times too, taken where the decoding loop asks whether to go on, once per step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from latprobe.clock import monotonic_ns
from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.calls import (
    Args,
    Kwargs,
    Replaced,
    Site,
    argument,
    enclosing_stage,
    stage_calls,
)
from latprobe.hooks.on_import import when_imported
from latprobe.recorder import Stage, make_stage
from latprobe.streams import ChunkTimes

_MODULE = "transformers.generation.utils"
_PADDED = "latprobe.tokens_include_padding"


def instrument(settings: Settings) -> Undo:
    """Stages `text_completion MODEL`: tokens, batch size, when the tokens came."""
    undo_calls = stage_calls(
        __name__, (Site(_MODULE, "GenerationMixin.generate", _generate, _generated),)
    )
    replaced = Replaced()

    def steps(module: ModuleType) -> None:
        replaced.replace(module.GenerationMixin, "_has_unfinished_sequences", _noting_steps)

    stop = when_imported(_MODULE.__eq__, steps)

    def undo() -> None:
        stop()
        replaced.restore()
        undo_calls()

    return undo


class StepTimes(ChunkTimes):
    """When each decoding step of one model's `generate` was over, on the host.

    `model` tells it from an assistant model's own `generate` inside.
    """

    __slots__ = ("is_prefilling", "model")

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.is_prefilling = True


def _noting_steps(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def asking(self: Any, *args: Any, **kwargs: Any) -> Any:
        stage = enclosing_stage()
        if stage is not None and stage._more is not None:
            times = stage._more.get("chunk_times")
            if type(times) is StepTimes and times.model is self:
                # The loop asks once before its first token and then after each.
                if not times.is_prefilling:
                    times.times.append(monotonic_ns())
                times.is_prefilling = False
        return original(self, *args, **kwargs)

    return asking


def _generate(args: Args, kwargs: Kwargs) -> Stage | None:
    if not args:
        return None
    model = args[0]
    name = _model_name(model)
    found: dict[str, Any] = {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "transformers",
        "gen_ai.request.model": name,
    }
    batch, length = _prompt_shape(args, kwargs)
    if batch is not None:
        found["latprobe.batch_size"] = batch
    if batch is not None and length is not None:
        counted = _unmasked(kwargs.get("attention_mask"))
        found["gen_ai.usage.input_tokens"] = batch * length if counted is None else counted
        if counted is None and batch > 1:
            found[_PADDED] = True
    stage = make_stage(f"text_completion {name}", "text", found)
    stage._more = {"chunk_times": StepTimes(model)}
    return stage


def _generated(stage: Stage, args: Args, kwargs: Kwargs, result: Any) -> None:
    shape: Any = getattr(getattr(result, "sequences", result), "shape", ())
    if len(shape) != 2:
        return  # a `custom_generate` gives back what it likes
    rows, length = shape
    steps = length - _prompt_in_result(args, kwargs)
    found: dict[str, Any] = {"gen_ai.usage.output_tokens": rows * steps}
    if rows > 1:
        found[_PADDED] = True  # rows that ended earlier are filled up to the longest
    times: ChunkTimes = (stage._more or {})["chunk_times"]
    if times.times:
        found["latprobe.token_times"] = "host"
        if len(times.times) == steps > 1:
            took_ns = times.times[-1] - times.times[0]
            found["gen_ai.server.time_per_output_token"] = took_ns / 1e9 / (steps - 1)
    stage.set(**found)


def _prompt_shape(args: Args, kwargs: Kwargs) -> tuple[int | None, int | None]:
    """(batch, tokens in each row) of the prompt; None where it is something else than tokens."""
    tokens = _token_ids(args, kwargs)
    if tokens is None:
        tokens = kwargs.get("inputs_embeds")
        if tokens is None:
            other = argument(args, kwargs, 1, "inputs")
            return (None, None) if other is None else (int(other.shape[0]), None)
    return int(tokens.shape[0]), int(tokens.shape[1])


def _token_ids(args: Args, kwargs: Kwargs) -> Any:
    found = argument(args, kwargs, 1, "inputs")
    if found is None:
        found = kwargs.get("input_ids")
    return found if len(getattr(found, "shape", ())) == 2 else None


def _prompt_in_result(args: Args, kwargs: Kwargs) -> int:
    """How many of a returned row's tokens are not generated."""
    config = args[0].config
    if getattr(config, "is_encoder_decoder", False):
        given = kwargs.get("decoder_input_ids")
        return 1 if given is None else int(given.shape[1])
    tokens = _token_ids(args, kwargs)
    if tokens is None:
        # From embeddings alone nothing is repeated; without any prompt the row begins with one
        # start token.
        return 0 if kwargs.get("inputs_embeds") is not None else 1
    return int(tokens.shape[1])


def _unmasked(mask: Any) -> int | None:
    """How many tokens the mask keeps; None unless it can be read without waiting for a device."""
    kind = type(mask)
    if kind.__name__ != "Tensor" or kind.__module__ != "torch" or mask.device.type != "cpu":
        return None
    return int(mask.sum()) if mask.dim() == 2 else None


def _model_name(model: Any) -> str:
    name = getattr(getattr(model, "config", None), "name_or_path", None)
    return name if isinstance(name, str) and name else type(model).__name__
