"""Tool schemas without the titles that generators add; with first sentences alone, as advice.

OpenAI writes the schemas anew before the model reads them: blanks in the `tools` of a request cost
nothing there, while descriptions and unused tools do.
"""

from __future__ import annotations

import re
from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import encode
from latprobe.advice.compress.retention import retention

name = "tool_titles"

RENDERED_NOTE = (
    "The vendor writes tool schemas anew: in the `tools` of a request minifying is not expected to "
    "change the bill; shorter descriptions and fewer tools do."
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_NOISE = {"title", "$schema"}


def candidates(text: str, context: Context) -> list[Candidate]:
    """The schemas in fewer words; none for what is no list of tools."""
    if not context.is_json or not is_tools(context.value):
        return []
    found = []
    dropped: list[str] = []
    plain = _without_titles(context.value, dropped, is_names=False)
    if dropped:
        check = Check(
            "generated titles are dropped; all else is equal",
            lost=tuple(f"title {title}" for title in dict.fromkeys(dropped)),
        )
        found.append(_candidate(plain, name, context, check, is_advisory=False))
    short = _first_sentences(context.value)
    if short != context.value:
        made = encode(short, is_spelled=context.is_spelled)
        check = retention(context.minified, made).check("first sentences of descriptions are kept")
        found.append(_candidate(short, "tool_first_sentences", context, check, is_advisory=True))
    return found


def is_tools(value: object) -> bool:
    """Whether it is a list of tools as OpenAI, Anthropic or MCP write them."""
    return isinstance(value, list) and bool(value) and all(map(_is_tool, value))


def _is_tool(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    inner = value.get("function", value)
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        return False
    return any(key in inner for key in ("parameters", "input_schema", "inputSchema"))


def _candidate(
    value: object, step: str, context: Context, check: Check, *, is_advisory: bool
) -> Candidate:
    made = encode(value, is_spelled=context.is_spelled)
    return Candidate(
        made,
        (step,),
        "lossy" if is_advisory else "near",
        check,
        advisory=is_advisory,
        value=value,
        notes=(RENDERED_NOTE,),
    )


def _without_titles(value: Any, dropped: list[str], *, is_names: bool) -> Any:
    """`is_names`: the object's keys are the names of parameters, where "title" is one of them."""
    if isinstance(value, list):
        return [_without_titles(item, dropped, is_names=False) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        if not is_names and key in _NOISE and isinstance(item, str):
            dropped.append(item)
            continue
        is_kept_whole = not is_names and key in ("default", "const", "enum", "examples")
        below = key in ("properties", "$defs", "definitions") and not is_names
        found[key] = item if is_kept_whole else _without_titles(item, dropped, is_names=below)
    return found


def _first_sentences(value: Any) -> Any:
    if isinstance(value, list):
        return [_first_sentences(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _SENTENCE_END.split(item, 1)[0]
        if key == "description" and isinstance(item, str)
        else _first_sentences(item)
        for key, item in value.items()
    }
