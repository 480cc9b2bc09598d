"""What the journal could not hold of a call's content, so that no count is of all that was sent.

`latprobe.journal.oversize` cuts the largest values and says which, and how many bytes they had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from latprobe.otel.content_names import TRUNCATED_NAME, is_content
from latprobe.tokens.json_values import parsed
from latprobe.tokens.part import Dissected, Part

_MOST_NAMED = 3


def with_cuts(dissected: Dissected, attributes: Mapping[str, object]) -> Dissected:
    """The same with the parts that end where a value was cut marked so, and a clause about it."""
    lost = _lost(attributes)
    if not lost:
        return dissected
    texts = [text for name in lost if isinstance(text := attributes.get(name), str)]
    parts = tuple(
        part._replace(is_cut=True) if _is_cut(part, texts) else part for part in dissected.parts
    )
    clauses = [f"{name} is cut off, it had {size:,} bytes" for name, size in lost.items()]
    more = [f"{len(clauses) - _MOST_NAMED} more values are"] if len(clauses) > _MOST_NAMED else []
    said = [dissected.problem, *clauses[:_MOST_NAMED], *more]
    return replace(dissected, parts=parts, problem="; ".join(filter(None, said)))


def _lost(attributes: Mapping[str, object]) -> dict[str, int]:
    """The contents that were cut, by name; an event's stands there as EVENT/NAME."""
    value = attributes.get(TRUNCATED_NAME)
    found = parsed(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        return {}
    return {
        str(name): size
        for name, size in found.items()
        if type(size) is int and is_content(str(name).rpartition("/")[2])
    }


def _is_cut(part: Part, texts: list[str]) -> bool:
    return bool(part.text) and any(text.endswith(part.text or "") for text in texts)
