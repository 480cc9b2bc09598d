"""What texts begin with in common."""

from __future__ import annotations

from collections.abc import Collection


def shared_start(texts: Collection[str]) -> str:
    """The longest text that all begin with; of sorted texts the first and the last decide."""
    first, last = min(texts), max(texts)
    for place, character in enumerate(first):
        if character != last[place]:
            return first[:place]
    return first
