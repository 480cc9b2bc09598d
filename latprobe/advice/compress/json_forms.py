"""Every way that the compressors write one JSON text: rewritten or not, then in each notation."""

from __future__ import annotations

from collections.abc import Sequence

from latprobe.advice.compress import (
    columnar,
    csv_typed,
    defaults,
    dropped_empty,
    json_minify,
    rounded_floats,
    short_ids,
    short_keys,
    tool_schemas,
    toon,
)
from latprobe.advice.compress.contract import NO_JSON, Candidate, Compressor, Context
from latprobe.advice.compress.exact_json import rewritten

# What changes the value, and how a value is written. `defaults` and `short_keys` leave no tables.
_REWRITERS: tuple[Compressor, ...] = (short_ids, dropped_empty, rounded_floats, tool_schemas)
_NOTATIONS: tuple[Compressor, ...] = (columnar, csv_typed, toon, defaults, short_keys)
_OF_REWRITTEN: tuple[Compressor, ...] = (columnar, csv_typed, toon)
_OF_LARGE: tuple[Compressor, ...] = (columnar, csv_typed)
# A rewriting that leaves more of the characters is not tried in the other notations.
_WORTH_SHARE = 0.99
# A larger JSON is tried in the linear notations alone, which takes 2 s for 10 MB.
LARGE_CHARACTERS = 400_000


def json_candidates(text: str, context: Context, *, is_thorough: bool = True) -> list[Candidate]:
    """The candidates, none of them counted; [] for what is no JSON. Without `is_thorough` only in
    the notations that tables save most in, which takes a third of the time."""
    plain = json_minify.candidates(text, context)
    if not plain:
        return []
    if len(text) > LARGE_CHARACTERS:
        context.notes.append(
            f"a JSON of {len(text):,} characters was tried minified, columnar and as CSV only"
        )
        return plain + _written(text, context, _OF_LARGE)
    if not is_thorough:
        return plain + _written(text, context, _OF_REWRITTEN)
    found = plain + _written(text, context, _NOTATIONS)
    for rewriter in _REWRITERS:
        for first in rewriter.candidates(text, context):
            found.append(first)
            is_shorter = len(first.text) < _WORTH_SHARE * len(context.minified)
            if first.value is not NO_JSON and not first.advisory and is_shorter:
                inner = rewritten(first.value, context)
                found += [then.after(first) for then in _written(first.text, inner, _OF_REWRITTEN)]
    return found + _near_together(text, context)


def _written(text: str, context: Context, notations: Sequence[Compressor]) -> list[Candidate]:
    return [found for notation in notations for found in notation.candidates(text, context)]


def _near_together(text: str, context: Context) -> list[Candidate]:
    """Empty keys dropped and fractions rounded, in each notation."""
    found = []
    for first in dropped_empty.candidates(text, context):
        inner = rewritten(first.value, context)
        for second in rounded_floats.candidates(first.text, inner):
            both = second.after(first)
            last = rewritten(second.value, context)
            found += [
                both,
                *(then.after(both) for then in _written(both.text, last, _OF_REWRITTEN)),
            ]
    return found
