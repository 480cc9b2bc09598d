"""Counts in sentences."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """ "1 run", "2 runs", "2 runs of ocr": a count with its noun; `plural` where -s is not it."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
