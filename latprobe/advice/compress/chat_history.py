"""A chat's texts with only the last copy of what is sent again; near, advisory.

It rewrites earlier messages, which costs the provider's prefix cache; pointers do not.
"""

from __future__ import annotations

from collections.abc import Sequence

from latprobe.advice.compress.contract import Check

name = "history_last_copy"

PLACEHOLDER = "[stands again below]"
_SHORTEST = 120


def keep_last(texts: Sequence[str]) -> tuple[list[str], Check] | None:
    """The texts with a placeholder for all copies but the last; None where none is repeated."""
    last = {text: place for place, text in enumerate(texts)}
    is_earlier = [
        len(text) >= _SHORTEST and last[text] != place for place, text in enumerate(texts)
    ]
    if not any(is_earlier):
        return None
    new = [PLACEHOLDER if gone else text for text, gone in zip(texts, is_earlier, strict=True)]
    if set(texts) - set(new):
        return None
    count = sum(is_earlier)
    return new, Check(f"{count} earlier copies are dropped; each text still stands once, equal")
