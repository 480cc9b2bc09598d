"""What a chat template adds to the parts: roles and marks, names, the reply's start, tools' frame.

The figures for messages are OpenAI's own (the model table cites them). Those for tools and calls
were found by others from billed requests and reproduce OpenAI's published counts:
https://github.com/hmarr/openai-chat-tokens
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from latprobe.tokens.models import Tokenizer
from latprobe.tokens.part import Dissected, Part
from latprobe.tokens.tool_rendering import frame_tools, render_tool

# Each role is one token in OpenAI's encodings. Harmony's figure a message includes it.
_ROLE_TOKENS = 1
_ENCODING_WITH_ROLES = "o200k_harmony"

# Tools come in a system message of their own, or at the end of the one that is there.
_TOOLS_TOKENS = 9
_TOOLS_IN_SYSTEM_TOKENS = -4
# A call in the history goes to a tool instead of to all; a function's result carries its name in
# the place of its role.
_CALL_TOKENS = 3
_FUNCTION_RESULT_TOKENS = -1
# Billed for single calls of gpt-4o-2024-08-06 beside name and arguments: 7 and 8.
_ANSWERED_CALL_TOKENS = 7


class Counter(Protocol):
    """Counts tokens of texts."""

    def count_many(self, texts: Sequence[str], encoding: str) -> list[int]:
        """The tokens of each text."""


def uses_openai_tools(tokenizer: Tokenizer) -> bool:
    """Whether the model's vendor renders tool schemas as OpenAI does."""
    return tokenizer.overhead is not None and tokenizer.family == "openai"


def overhead_tokens(dissected: Dissected, tokenizer: Tokenizer, counter: Counter) -> int | None:
    """The tokens beside the parts; None where the template is not known or there is none."""
    table = tokenizer.overhead
    if table is None or not dissected.messages:
        return None
    roles = 0 if tokenizer.encoding == _ENCODING_WITH_ROLES else _ROLE_TOKENS
    parts = [part for part in dissected.parts if part.side == "input"]
    tokens = (
        dissected.messages * (table.per_message + roles)
        + dissected.named_messages * table.per_name
        + table.reply
    )
    named = [part for part in parts if part.name is not None]
    if named:
        names = [part.name for part in named if part.name is not None and _is_sent(part)]
        tokens += sum(counter.count_many(names, tokenizer.encoding)) if names else 0
        tokens += sum(map(_extra, named))
    return tokens + _tools_frame(parts, tokenizer, counter)


def call_tokens(part: Part, tokenizer: Tokenizer, counter: Counter) -> int:
    """What a call in an answer takes beside its arguments: the tool's name and its marks."""
    name = counter.count_many([part.name], tokenizer.encoding)[0] if part.name else 0
    return name + (_ANSWERED_CALL_TOKENS if uses_openai_tools(tokenizer) else 0)


def _is_sent(part: Part) -> bool:
    """Whether the part's name stands in the prompt beside its text."""
    return part.media is None and part.kind != "tools"


def _extra(part: Part) -> int:
    if part.name is None or part.kind not in ("history", "retrieved"):
        return 0
    if part.role in ("assistant", "model"):
        return _CALL_TOKENS
    return _FUNCTION_RESULT_TOKENS if part.role in ("tool", "function") else 0


def _tools_frame(parts: Sequence[Part], tokenizer: Tokenizer, counter: Counter) -> int:
    """The namespace around the tools, with what merges where they touch."""
    tools = [part.text for part in parts if part.kind == "tools"]
    if not tools or not uses_openai_tools(tokenizer):
        return 0
    system = next((part for part in parts if part.kind == "system"), None)
    frame = _TOOLS_TOKENS + (_TOOLS_IN_SYSTEM_TOKENS if system is not None else 0)
    rendered = [render_tool(text) or text for text in tools if text is not None]
    texts = [frame_tools(rendered), *rendered]
    if system is not None and system.text is not None:
        # The first system text ends with a line's end then, which may merge with its last token.
        texts += [system.text + "\n", system.text]
    whole, *single = counter.count_many(texts, tokenizer.encoding)
    if system is not None and system.text is not None:
        frame += single[-2] - single[-1]
        single = single[:-2]
    return frame + whole - sum(single)
