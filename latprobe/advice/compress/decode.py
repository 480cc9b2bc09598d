"""Texts in the compressors' notations read again: a model's answer, or a prompt of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from latprobe.advice.compress import (
    columnar,
    csv_typed,
    defaults,
    exact_json,
    few_shot,
    json_minify,
    log_templates,
    markdown_table,
    pointers,
    short_ids,
    short_keys,
    toon,
    xml_rows,
)
from latprobe.errors import UsageError

_DECODERS: dict[str, Callable[[str], object]] = {
    json_minify.name: json_minify.decode,
    columnar.name: columnar.decode,
    csv_typed.name: csv_typed.decode,
    toon.name: toon.decode,
    defaults.name: defaults.decode,
    short_keys.name: short_keys.decode,
    short_ids.name: short_ids.decode,
    "markdown_table_csv": markdown_table.decode_csv,
    log_templates.name: log_templates.decode,
    xml_rows.name: xml_rows.decode,
    few_shot.name: few_shot.decode,
    "repeats": pointers.decode,
    "near_repeats": pointers.decode,
}
FORMATS = tuple(_DECODERS)
# They write JSON again, which the next step's decoder reads.
_OF_JSON = {columnar.name, csv_typed.name, toon.name, defaults.name, short_keys.name}


def decompress(text: str, *steps: str) -> Any:
    """The value, or the text, that a lossless notation stands for.

    `steps` are those of an option, as `latprobe compress --json` names them; the last one is
    undone first. Raises UsageError for a step that cannot be undone, ValueError for a text that
    is not in the notation.
    """
    if not steps:
        raise UsageError(f"Name the notation: one of {', '.join(FORMATS)}.")
    unknown = [step for step in steps if step not in _DECODERS]
    if unknown:
        raise UsageError(f"{unknown[0]!r} cannot be undone; what can is {', '.join(FORMATS)}.")
    found: object = text.strip("\n") if steps[-1] in _OF_JSON else text
    for step in reversed(steps):
        given = found if isinstance(found, str) else exact_json.encode(found, is_spelled=True)
        found = _decoded(step, given)
    return found


def _decoded(step: str, text: str) -> object:
    try:
        found = _DECODERS[step](text)
    except ValueError:
        raise
    except (TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"the text is not in the notation {step}") from error
    if found is None:
        raise ValueError(f"the text is not in the notation {step}")
    return found
