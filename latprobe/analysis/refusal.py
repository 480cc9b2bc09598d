"""Why a figure is not given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """`reason`: one sentence that says what is missing and what to do."""

    reason: str
