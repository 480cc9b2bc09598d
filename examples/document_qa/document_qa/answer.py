"""The model's JSON reply as an `Answer`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass


class AnswerError(ValueError):
    """The model's reply is not the JSON object that the prompt asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the document says; `text` is None when the model found nothing.

    `account` and `shelf` are what records know of the document, None where nobody asked.
    """

    text: str | None
    evidence: str
    confidence: float
    explanation: str
    account: str | None = None
    shelf: str | None = None


def parse(reply: str) -> Answer:
    """The answer in the reply, with or without a Markdown fence around the JSON."""
    fields = _fields(reply)
    missing = {"answer", "evidence", "confidence", "explanation"} - fields.keys()
    if missing:
        raise AnswerError(f"the reply lacks {', '.join(sorted(missing))}: {_start(reply)}")
    text, confidence = fields["answer"], fields["confidence"]
    if not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise AnswerError(f"confidence is not a number from 0 to 1: {confidence!r}")
    return Answer(
        text=None if text is None else str(text),
        evidence=str(fields["evidence"]),
        confidence=float(confidence),
        explanation=str(fields["explanation"]),
    )


def _fields(reply: str) -> dict[str, object]:
    bare = re.sub(r"^```(?:json)?\s*|\s*```$", "", reply.strip())
    try:
        fields = json.loads(bare)
    except json.JSONDecodeError as error:
        raise AnswerError(f"the reply is not JSON ({error.msg}): {_start(reply)}") from error
    if not isinstance(fields, dict):
        raise AnswerError(f"the reply is not a JSON object: {_start(reply)}")
    return fields


def _start(reply: str) -> str:
    return repr(reply[:80])
