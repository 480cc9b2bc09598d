"""What earlier passes learned: templates and calibrations, out of the store and into it."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from latprobe.store.query import Query
from latprobe.store.token_rows import uuid_bytes
from latprobe.tokens.anatomy import OVERHEAD, Anatomy
from latprobe.tokens.calibration import Calibration, CalibrationRow
from latprobe.tokens.repeated_examples import RepeatedExamples
from latprobe.tokens.templates import TemplateMiner, TemplateRow

_EXAMPLES = """
SELECT DISTINCT hash FROM call_parts
WHERE side = 'input' AND part = 'few_shot' AND hash IS NOT NULL AND role IS NOT NULL
LIMIT 16000
"""
_SAID = """
SELECT 1 FROM call_parts q JOIN call_parts a USING (trace_id, span_id)
WHERE a.side = 'output' AND a.hash = ?::UUID AND q.side = 'input' AND q.part = 'user'
  AND q.hash = ?::UUID LIMIT 1
"""


def stored_templates(query: Query) -> TemplateMiner:
    """A miner that goes on where the last one ended."""
    rows = query(
        "SELECT template_id, name, stage, source, text, first_seen_ns, state FROM templates"
    ).to_pylist()
    return TemplateMiner(
        TemplateRow(**{**row, "template_id": uuid.UUID(row["template_id"]).bytes}) for row in rows
    )


def stored_examples(query: Query) -> RepeatedExamples:
    """The examples that were found in earlier calls."""
    known = query(_EXAMPLES)["hash"].to_pylist()

    def was_said(question: bytes, answer: bytes) -> bool:
        return bool(query(_SAID, [answer.hex(), question.hex()]).num_rows)

    return RepeatedExamples(map(uuid_bytes, known), was_said)


def observe(
    calibration: Calibration,
    counts: Anatomy,
    billed: int,
    *,
    model: str,
    provider: str | None,
) -> bool:
    """Learns what a model's tokens are billed as, from a call whose whole input was counted; says
    whether it could. Answers teach nothing: parts of them may never be shown."""
    if not counts.base_input_tokens:
        return False
    overhead = sum(row.tokens or 0 for row in counts.rows if row.kind == OVERHEAD)
    return calibration.observe(
        model, counts.base_input_tokens, billed - overhead, provider=provider
    )


def stored_calibration(query: Query) -> Calibration:
    """The ratios learned so far."""
    rows = query(
        "SELECT provider, model, family, calls, ratio, error, state FROM calibrations"
    ).to_pylist()
    return Calibration(CalibrationRow(**row) for row in rows)


def calibration_rows(calibration: Calibration) -> list[dict[str, Any]]:
    """What the store keeps of them."""
    return [asdict(row) for row in calibration.rows()]
