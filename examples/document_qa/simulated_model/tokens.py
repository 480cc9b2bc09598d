"""Text in token-like pieces, by a rule of our own.

Real tokenizers need their vocabulary files, which this example does not ship. The rule: up to
six letters with the space before them, up to three digits, a run of blanks and line ends, or up
to three other characters. On English text that gives roughly the counts of a modern byte-pair
vocabulary, and never exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

TOKENS_PER_MESSAGE = 3
"""The marks around a message; its role comes on top."""

TOKENS_PER_REPLY = 3
"""The marks that open the reply. Both are OpenAI's figures for its own chat template."""

_PIECE = re.compile(r" ?[^\W\d_]{1,6}|\d{1,3}| ?[^\w\s]{1,3}|_|\s+")


def pieces(text: str) -> list[str]:
    """The pieces in order; joined they are the text again."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many pieces the text has."""
    return len(pieces(text))


def count_messages(messages: Iterable[Mapping[str, object]]) -> int:
    """The pieces of all messages, with what the chat template adds to them."""
    return TOKENS_PER_REPLY + sum(
        TOKENS_PER_MESSAGE + count(str(message.get("role", ""))) + count(text_of(message))
        for message in messages
    )


def text_of(message: Mapping[str, object]) -> str:
    """The message's text; of content in parts, the text parts joined."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")
