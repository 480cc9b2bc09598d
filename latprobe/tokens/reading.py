"""What a format's reader hands over: turns of a conversation, tools, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from latprobe.tokens.part import Media

# How deep content inside content is followed.
MAX_NESTING = 8


class Piece(NamedTuple):
    """A message's piece: text, reasoning, tool_call, tool_result, retrieved, other, or a medium.

    `name` is the tool's name of a call or result, and where a medium without bytes lies.
    """

    kind: str
    text: str | None = None
    media: Media | None = None
    name: str | None = None


class Turn(NamedTuple):
    """One message; `name` is its author's, where the message gives one."""

    role: str | None
    pieces: tuple[Piece, ...]
    name: str | None = None


@dataclass(slots=True)
class Reading:
    """A request and its answer in any vendor's format, in the order sent."""

    format: str
    input: list[Turn] = field(default_factory=list)
    output: list[Turn] = field(default_factory=list)
    tools: list[Piece] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    finish_reasons: list[str] = field(default_factory=list)
    # Anthropic renders the tools before the system prompt, the others after it.
    tools_first: bool = False
    # False for what is sent as it is: a completion's prompt, a text to embed.
    is_chat: bool = True
    # Which tool a call was of, by the call's id: results give the id only.
    call_names: dict[str, str] = field(default_factory=dict)

    def note(self, problem: str) -> None:
        """Keeps a clause about something that was not understood, each once, five at most."""
        if problem not in self.problems and len(self.problems) < 5:
            self.problems.append(problem)

    @property
    def problem(self) -> str | None:
        """All clauses in one, None without any."""
        return "; ".join(self.problems) or None
