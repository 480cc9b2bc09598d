"""Answers that are a document of their prompt with changes in it."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.advice.call_texts import CallText
from latprobe.advice.outputs.echoes import word_count
from latprobe.advice.outputs.json_answers import unfenced
from latprobe.advice.outputs.line_edits import alike_share, rewrite_of
from latprobe.advice.outputs.template_calls import whole_parts

# A document: shorter ones are answered whole in no time.
_LEAST_WORDS = 60
# So much of the answer stood in the document already, and so much of the document is in it.
_LEAST_KEPT = 0.6
_LEAST_LENGTH = 0.6


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The answer, and the same as edits; `kept_share` of it stood in the document."""

    answer: str
    edits: str
    kept_share: float


def rewritten(call: CallText, answer: str) -> Rewritten | None:
    """None where the answer is no changed document, or its edits do not give it back."""
    body = unfenced(answer)
    words = word_count(body)
    if words < _LEAST_WORDS:
        return None
    for part in whole_parts(call):
        given = part.text or ""
        if part.kind == "tools" or words < _LEAST_LENGTH * word_count(given):
            continue
        if alike_share(given, body) < _LEAST_KEPT:  # in no time, where comparing takes some
            continue
        rewrite = rewrite_of(given, body)
        if rewrite is not None and rewrite.kept_share >= _LEAST_KEPT and rewrite.is_inside:
            return Rewritten(answer, rewrite.written, rewrite.kept_share)
    return None
