"""What earlier passes learned: templates and calibrations, out of the store and into it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any

from latprobe.store.query import Query
from latprobe.store.token_rows import uuid_bytes
from latprobe.tokens.anatomy import OVERHEAD, Anatomy
from latprobe.tokens.calibration import Calibration, CalibrationRow
from latprobe.tokens.repeated_examples import RepeatedExamples, is_asking
from latprobe.tokens.templates import TemplateMiner, TemplateRow

# The examples of one call for each part that is one, by stage: most calls repeat those of others.
_EXAMPLES = """
WITH chosen AS (
    SELECT DISTINCT s.name AS stage, any_value({'trace': p.trace_id, 'span': p.span_id}) AS call
    FROM call_parts p JOIN spans s USING (trace_id, span_id)
    WHERE p.side = 'input' AND p.part = 'few_shot' AND p.hash IS NOT NULL AND p.role IS NOT NULL
    GROUP BY s.name, p.hash, p.position LIMIT 16000
)
SELECT c.stage, p.trace_id, p.span_id, p.position, p.role, p.hash
FROM call_parts p
JOIN (SELECT DISTINCT stage, call.trace AS trace_id, call.span AS span_id FROM chosen) c
USING (trace_id, span_id)
WHERE p.side = 'input' AND p.part = 'few_shot' AND p.hash IS NOT NULL AND p.role IS NOT NULL
ORDER BY p.trace_id, p.span_id, c.stage, p.position
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

    def was_said(question: bytes, answer: bytes) -> bool:
        return bool(query(_SAID, [answer.hex(), question.hex()]).num_rows)

    return RepeatedExamples(_stored_runs(query(_EXAMPLES).to_pylist()), was_said)


def _stored_runs(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[bytes]]]:
    """(stage, hashes) of examples that stand one after the other in a call: from a question to an
    answer, since an example inside a text may stand before them or after."""
    ordered = enumerate(rows)
    for run, members in groupby(
        ordered,
        key=lambda each: (
            each[1]["stage"],
            each[1]["trace_id"],
            each[1]["span_id"],
            each[0] - each[1]["position"],
        ),
    ):
        found = [(is_asking(row["role"]), uuid_bytes(row["hash"])) for _, row in members]
        while found and not found[0][0]:
            found.pop(0)
        while found and found[-1][0]:
            found.pop()
        if found:
            yield run[0], [each for _, each in found]


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
