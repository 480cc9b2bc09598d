"""A whole request and answer as one JSON text each: `input.value` and what others call it."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.gen_ai_messages import is_absent
from latprobe.tokens.json_values import BROKEN, unwrapped

# Input, output and, where the vocabulary has its own place for them, tools.
_PAIRS = (
    ("gen_ai.request.messages", ("gen_ai.response.text",), "gen_ai.request.available_tools"),
    ("input.value", ("output.value",), None),
    ("langfuse.observation.input", ("langfuse.observation.output",), None),
    ("pydantic_ai.all_messages", ("final_result",), None),
    ("gen_ai.prompt", ("gen_ai.completion",), None),
    ("traceloop.entity.input", ("traceloop.entity.output",), None),
)


def find(attributes: Mapping[str, object]) -> tuple[object, object, str | None] | None:
    """The request, the answer and what was cut off of them; None if neither is there."""
    for given, answers, tools in _PAIRS:
        request = attributes.get(given)
        response = next((v for name in answers if not is_absent(v := attributes.get(name))), None)
        if is_absent(request) and response is None:
            continue
        if is_absent(request):
            request = None
        value, first_problem = _value(request, given)
        answer, second_problem = _value(response, answers[0])
        if tools is not None and not is_absent(attributes.get(tools)):
            offered, _ = _value(attributes[tools], tools)
            value = {"messages": value, "tools": offered}
        return value, answer, first_problem or second_problem
    return None


def _value(value: object, name: str) -> tuple[object, str | None]:
    found = unwrapped(value)
    if found is BROKEN:
        return value, f"{name} is cut off"
    return found, None
