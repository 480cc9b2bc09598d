"""The simulated model's text: the JSON object that the prompt asks for, pretty-printed unless the
prompt asks for one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from simulated_model import extraction, tokens
from simulated_model.extraction import Finding


def write(messages: Sequence[Mapping[str, object]]) -> str:
    """The reply to the last user message: its numbered passages and what follows `Question:`."""
    asked = [message for message in messages if message.get("role") == "user"]
    prompt = tokens.text_of(asked[-1]) if asked else ""
    context, _, question = prompt.rpartition("Question:")
    passages = re.split(r"^\[\d+\]\n", context, flags=re.MULTILINE)[1:]
    finding = extraction.find(question.strip(), passages=passages)
    matches = extraction.matches(question, passages=passages)
    related = extraction.related(question, passages=passages)
    fields = _found(finding, matches, related) if finding else _not_found(matches)
    if _asks_for_one_line(messages):
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    return json.dumps(fields, indent=4, ensure_ascii=False)


def _asks_for_one_line(messages: Sequence[Mapping[str, object]]) -> bool:
    return any(" on one line" in tokens.text_of(message) for message in messages)


def _found(finding: Finding, matches: list[float], related: list[str]) -> dict[str, object]:
    return {
        "answer": finding.value,
        "passage": finding.passage,
        "evidence": finding.evidence,
        "confidence": round(0.4 + 0.55 * finding.match, 2),
        "matches": matches,
        "related": related,
        "explanation": (
            f"Passage {finding.passage} states a {finding.kind} next to the words asked about."
        ),
    }


def _not_found(matches: list[float]) -> dict[str, object]:
    return {
        "answer": None,
        "passage": None,
        "evidence": "",
        "confidence": 0.1,
        "matches": matches,
        "related": [],
        "explanation": "None of the passages states a value of the kind asked for.",
    }
