"""Recorded requests with pretty-printed answers, as the hook stores them, and a model to ask."""

from __future__ import annotations

import json
import re

from tests.advice.pipelines import Recording
from tests.advice.replay.live_model import Json, Said, completion, last_text

SYSTEM = (
    "You look parcels up. Answer with one JSON object: parcel, place, is_late, steps. Take them "
    "from the message alone, and do not guess what is not said there. " * 3
)


def fields(number: int) -> dict[str, object]:
    """What the model answers about a parcel."""
    return {
        "parcel": number,
        "place": f"Hall {number % 7} of the depot",
        "is_late": number % 3 == 0,
        "steps": [number * k for k in range(number % 9 + 4)],
    }


def pretty(number: int) -> str:
    """As it was recorded."""
    return json.dumps(fields(number), indent=4)


def recording(*, requests: int = 70, keeps_text: bool = True) -> Recording:
    """A call a request, with the attributes that a hook records."""
    found = Recording(seed=6)
    for number in range(requests):
        question = f"Where is parcel {number}?"
        answer = pretty(number)
        messages = [_said("system", SYSTEM), _said("user", question)]
        attributes = {
            "gen_ai.request.temperature": 0.0,
            "gen_ai.request.max_tokens": 300,
            "gen_ai.input.messages": json.dumps(messages),
            "gen_ai.output.messages": json.dumps([_said("assistant", answer)]),
        }
        with found.request("find") as step:
            step.call("llm.find", 100 + 4 * len(answer), prompt=[("system", SYSTEM),
                      ("user", question)], output=answer,
                      attributes=attributes if keeps_text else {})  # fmt: skip
    if not keeps_text:
        for each in found.texts.values():
            each["text"] = None
    return found


def is_compact(body: Json) -> bool:
    """Whether the request has the suggested sentence."""
    return "on one line" in str(body["messages"][0]["content"])


def number_of(body: Json) -> int:
    """The parcel that is asked about."""
    found = re.search(r"parcel (\d+)", last_text(body))
    assert found is not None
    return int(found[1])


def good(body: Json) -> Said:
    """The recorded answer again, on one line where that is asked for."""
    value = fields(number_of(body))
    if is_compact(body):
        return completion(json.dumps(value, separators=(",", ":")), made=30)
    return completion(json.dumps(value, indent=4), made=60)


def worse(body: Json) -> Said:
    """On one line the model loses count: one field in four is wrong."""
    value = fields(number_of(body))
    if is_compact(body):
        value["steps"] = [0]
        return completion(json.dumps(value, separators=(",", ":")), made=20)
    return completion(json.dumps(value, indent=4), made=60)


def _said(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}
