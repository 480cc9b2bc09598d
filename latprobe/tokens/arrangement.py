"""From turns to parts: which kind each piece of a prompt is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from latprobe.tokens.few_shot import few_shot_turns
from latprobe.tokens.formats.messages import TOOL_ROLES
from latprobe.tokens.part import MEDIA_KINDS, Dissected, Part, cut_out
from latprobe.tokens.reading import Piece, Reading, Turn
from latprobe.tokens.text_blocks import split_blocks

SYSTEM_ROLES = frozenset({"system", "developer", "instructions"})
USER_ROLES = frozenset({"user", "human"})
ASSISTANT_ROLES = frozenset({"assistant", "model", "ai", "chatbot", "bot", "aimessagechunk"})

EARLY_STOPS = frozenset(
    {"length", "max_tokens", "max_output_tokens", "model_length", "max_tokens_reached"}
)
_OUTPUT_KINDS = {"reasoning": "reasoning", "tool_call": "tool_calls"}
_RETRIEVAL_TOOL = re.compile(
    r"retriev|search|(?:^|[_\-. ])rag(?:$|[_\-. ])|knowledge|vector_?(?:db|store)|lookup_doc",
    re.IGNORECASE,
)


def arrange(reading: Reading) -> Dissected:
    """The parts of a reading in prompt order, output last."""
    inputs = _input_parts(reading)
    outputs: list[Part] = []
    called: list[str] = []
    for turn in reading.output:
        outputs += _output_parts(turn)
        called += [p.name for p in turn.pieces if p.kind == "tool_call" and p.name]
    return Dissected(
        parts=(*inputs, *outputs),
        messages=len(reading.input) if reading.is_chat else 0,
        named_messages=sum([turn.name is not None for turn in reading.input]),
        format=reading.format,
        problem=reading.problem,
        tools_called=tuple(called),
        tools_offered=tuple([tool.name for tool in reading.tools if tool.name]),
        stops_early=any(reason.lower() in EARLY_STOPS for reason in reading.finish_reasons),
    )


def _input_parts(reading: Reading) -> list[Part]:
    turns = reading.input
    last = last_user_turn(turns)
    examples = few_shot_turns(turns, last)
    tools = [Part("input", "tools", None, tool.text, name=tool.name) for tool in reading.tools]
    tools_at = 0 if reading.tools_first else _leading_system_turns(turns)
    found: list[Part] = []
    for number, turn in enumerate(turns):
        if number == tools_at:
            found += tools
        kind = "few_shot" if number in examples else _turn_kind(turn, is_last=number in last)
        if kind == "other" and turn.role is not None:
            reading.note(f"unknown role {turn.role[:40]!r}")
        found += _turn_parts(turn, kind)
    return found if tools_at < len(turns) else found + tools


def last_user_turn(turns: Sequence[Turn]) -> range:
    """The numbers of the last messages in a row that a user wrote; none where no user did."""
    end = len(turns)
    while end and not _is_users(turns[end - 1]):
        end -= 1
    start = end
    while start and _is_users(turns[start - 1]):
        start -= 1
    return range(start, end)


def _is_users(turn: Turn) -> bool:
    """Whether a user wrote it: Anthropic and Gemini put tools' results into user messages."""
    if turn.role is not None and turn.role.lower() not in USER_ROLES:
        return False
    if not turn.pieces:
        return True
    for piece in turn.pieces:  # noqa: SIM110  # `any` takes three times as long here
        if piece.kind != "tool_result":
            return True
    return False


def _turn_kind(turn: Turn, *, is_last: bool) -> str:
    role = (turn.role or "user").lower()
    if role in SYSTEM_ROLES:
        return "system"
    if is_last:
        return "user"
    if role in USER_ROLES or role in ASSISTANT_ROLES or turn.role in TOOL_ROLES:
        return "history"
    return "other"


def _turn_parts(turn: Turn, kind: str) -> list[Part]:
    found: list[Part] = []
    for piece in turn.pieces:
        found += _piece_parts(piece, kind, turn.role)
    if turn.name is not None and found and found[0].name is None:
        first = found[0]
        found[0] = Part("input", first.kind, first.role, first.text, first.media, turn.name)
    return found


def _piece_parts(piece: Piece, kind: str, role: str | None) -> list[Part]:
    if piece.kind in MEDIA_KINDS:
        return [Part("input", piece.kind, role, None, piece.media, piece.name)]
    if not piece.text and piece.kind != "tool_call":
        return []
    if piece.kind == "text" and kind in ("system", "user"):
        return [
            Part("input", kind, role, text)
            if found == kind
            else cut_out("input", found, role, text)
            for found, text in split_blocks(piece.text or "", kind=kind)
        ]
    return [Part("input", _piece_kind(piece, kind), role, piece.text, name=piece.name)]


def _piece_kind(piece: Piece, kind: str) -> str:
    if piece.kind in ("retrieved", "other"):
        return piece.kind
    if piece.kind == "tool_result":
        is_retrieval = piece.name is not None and _RETRIEVAL_TOOL.search(piece.name)
        return "retrieved" if is_retrieval else "history"
    if piece.kind == "tool_call" and kind == "user":
        return "history"
    return kind


def _leading_system_turns(turns: Sequence[Turn]) -> int:
    number = 0
    while number < len(turns) and _turn_kind(turns[number], is_last=False) == "system":
        number += 1
    return number


def _output_parts(turn: Turn) -> list[Part]:
    return [
        Part(
            "output",
            _OUTPUT_KINDS.get(piece.kind, "output"),
            turn.role,
            piece.text,
            piece.media,
            piece.name,
        )
        for piece in turn.pieces
        if piece.text or piece.media is not None or piece.kind == "tool_call"
    ]
