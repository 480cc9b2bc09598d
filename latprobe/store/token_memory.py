"""What earlier passes learned: templates and calibrations, out of the store and into it."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from latprobe.store.query import Query
from latprobe.tokens.anatomy import OVERHEAD, Anatomy
from latprobe.tokens.calibration import Calibration, CalibrationRow
from latprobe.tokens.templates import TemplateMiner, TemplateRow


def stored_templates(query: Query) -> TemplateMiner:
    """A miner that goes on where the last one ended."""
    rows = query(
        "SELECT template_id, name, stage, source, text, first_seen_ns, state FROM templates"
    ).to_pylist()
    return TemplateMiner(
        TemplateRow(**{**row, "template_id": uuid.UUID(row["template_id"]).bytes}) for row in rows
    )


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
