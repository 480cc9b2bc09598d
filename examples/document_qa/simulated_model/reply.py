"""The simulated model's text: the JSON object that the prompt asks for."""

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
    fields = _found(finding, len(passages)) if finding else _not_found(len(passages))
    return json.dumps(fields, indent=1, ensure_ascii=False)


def _found(finding: Finding, passages: int) -> dict[str, object]:
    return {
        "answer": finding.value,
        "passage": finding.passage,
        "evidence": finding.evidence,
        "confidence": round(0.4 + 0.55 * finding.match, 2),
        "explanation": (
            f"The question asks for a {finding.kind}. Of the {passages} passages given, "
            f"passage {finding.passage} is worded closest to the question. It states the value "
            f"{finding.value} next to the words asked about, so I copied it from there without "
            "changing it."
        ),
    }


def _not_found(passages: int) -> dict[str, object]:
    return {
        "answer": None,
        "passage": None,
        "evidence": "",
        "confidence": 0.1,
        "explanation": (
            f"I looked through all {passages} passages. None of them states a value of the kind "
            "that the question asks for, so I cannot answer it from this document."
        ),
    }
