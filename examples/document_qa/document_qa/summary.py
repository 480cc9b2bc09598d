"""What a run came to, in a few plain lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean

from document_qa.pipeline import Backends
from document_qa.workload import Outcome


def lines(outcomes: Sequence[Outcome], *, backends: Backends) -> str:
    """Requests, failures, right answers, mean duration, and what was not real in the run."""
    if not outcomes:
        return "document_qa: no request was sent"
    answered = [outcome for outcome in outcomes if outcome.error is None]
    right = sum(outcome.answer == outcome.expected for outcome in answered)
    mean_s = mean(outcome.duration_s for outcome in outcomes)
    counts = (
        f"document_qa: {len(outcomes)} requests, {len(answered)} ok, "
        f"{right} answers as printed on the page, {mean_s:.2f} s/request"
    )
    return "\n".join([counts, _sources(backends), *_errors(outcomes)])


def listing(outcomes: Sequence[Outcome]) -> str:
    """Each question with its answer and, where it differs, what the page says."""
    return "\n".join(map(_listed, outcomes))


def _sources(backends: Backends) -> str:
    is_simulated = backends.model.startswith("simulated")
    reading = "tesseract" if backends.has_ocr else "known page text (OCR skipped)"
    model = f"{backends.model} (SIMULATED answers and token times)"
    return f"text from: {reading}; model: {model if is_simulated else backends.model}"


def _errors(outcomes: Sequence[Outcome]) -> list[str]:
    errors = Counter(outcome.error for outcome in outcomes if outcome.error is not None)
    return [f"failed {count}x: {error}" for error, count in errors.most_common()]


def _listed(outcome: Outcome) -> str:
    found = outcome.error or outcome.answer or "(not found)"
    page = "" if found == outcome.expected else f"   [page: {outcome.expected}]"
    return f"{outcome.duration_s:5.2f} s  {outcome.question}  {found}{page}"
