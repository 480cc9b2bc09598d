"""A message's content in any vendor's vocabulary, as pieces.

The vocabularies are read as one: gateways and frameworks mix them (Anthropic's blocks inside an
OpenAI chat, LangChain's inside both), and no two give one name to different things.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from latprobe.tokens.formats.media_blocks import MEDIA_BLOCKS, bare_media, media_pieces
from latprobe.tokens.formats.tool_blocks import Nested, bare_tool, tool_block
from latprobe.tokens.json_values import as_text, compact, first_at, text_at
from latprobe.tokens.media_payload import is_media_text, kind_of, mime_of_data_uri, read_media
from latprobe.tokens.reading import MAX_NESTING, Piece, Reading

_TEXT_TYPES = frozenset(
    {"text", "input_text", "output_text", "refusal", "plain_text", "compaction", "text_delta"}
)
_REASONING_TYPES = frozenset(
    {
        "reasoning",
        "thinking",
        "redacted_thinking",
        "reasoning_content",
        "summary_text",
        "reasoning_text",
    }
)
_RETRIEVED_TYPES = frozenset({"search_result", "citable", "cited", "retrieved"})
# Marks of where a cache ends; they carry no content.
_EMPTY_TYPES = frozenset({"cache", "cache_point", "cachePoint", "step-start", "item_reference"})


def read_content(content: object, reading: Reading, *, depth: int = 0) -> list[Piece]:
    """The pieces of a message's content: a text, a block, or a list of either."""
    if content is None:
        return []
    if isinstance(content, str):
        return [of_text(content)]
    if depth >= MAX_NESTING:
        reading.note("content is nested too deeply")
        return [Piece("other", compact(content))]
    if isinstance(content, (dict, Mapping)):
        return read_block(content, reading, depth=depth)
    if isinstance(content, (list, tuple)):
        found: list[Piece] = []
        for block in content:
            found += read_content(block, reading, depth=depth + 1)
        return found
    reading.note(f"content is {_article(content)}")
    return [Piece("other", as_text(content))]


def read_block(block: Mapping[str, object], reading: Reading, *, depth: int = 0) -> list[Piece]:
    """The pieces of one block; an unknown one is "other" and noted."""
    kind = first_at(block, "type", "block_type")
    if isinstance(kind, str):
        found = _typed(kind, block, reading, depth)
    else:
        found = _bare(block, reading, depth)
    if found is not None:
        return found
    reading.note(
        f"unknown content part {str(kind)[:40]!r}" if kind else "a content part says no type"
    )
    return [Piece("other", compact(block))]


def _typed(
    kind: str, block: Mapping[str, object], reading: Reading, depth: int
) -> list[Piece] | None:
    if kind in _TEXT_TYPES:
        return _text_block(block, reading)
    if kind == "json":
        return [Piece("text", as_text(first_at(block, "json", "value")))]
    if kind in _REASONING_TYPES:
        return _reasoning(block)
    if kind in MEDIA_BLOCKS:
        return media_pieces(kind, block, reading, _nested(reading, depth))
    if kind == "image_generation_call":
        drawn = {"image": block.get("result")}
        return media_pieces("image", drawn, reading, _nested(reading, depth))
    read_tool = tool_block(kind)
    if read_tool is not None:
        return read_tool(block, reading, _nested(reading, depth))
    if kind in _RETRIEVED_TYPES:
        inner = read_content(first_at(block, "content", "text"), reading, depth=depth + 1)
        return [Piece("retrieved", piece.text) if piece.text else piece for piece in inner]
    return [] if kind in _EMPTY_TYPES else None


def _bare(block: Mapping[str, object], reading: Reading, depth: int) -> list[Piece] | None:
    """A block of Gemini or Bedrock, which is told by its only key."""
    text = block.get("text")
    if isinstance(text, str):
        return [Piece("reasoning", text) if block.get("thought") is True else of_text(text)]
    found = bare_tool(block, reading, _nested(reading, depth))
    if found is not None:
        return found
    media = bare_media(block)
    if media is not None:
        return media
    reasoning = block.get("reasoningContent")
    if isinstance(reasoning, (dict, Mapping)):
        return _reasoning(reasoning)
    for name in ("citationsContent", "guardContent"):  # Bedrock's
        held = block.get(name)
        if isinstance(held, (dict, Mapping)):
            inner = first_at(held, "content", "text", "image")
            return read_content(inner, reading, depth=depth + 1)
    return [] if any(name in block for name in _EMPTY_TYPES) else None


def _nested(reading: Reading, depth: int) -> Nested:
    """Reads the content that a tool's result holds."""
    return partial(read_content, reading=reading, depth=depth + 1)


def _text_block(block: Mapping[str, object], reading: Reading) -> list[Piece]:
    value = first_at(block, "text", "content", "refusal", "value")
    if isinstance(value, (dict, Mapping)):
        value = first_at(value, "value", "text")
    if not isinstance(value, str):
        reading.note("a text part holds no text")
        return [Piece("other", compact(block))]
    return [of_text(value)]


def _reasoning(block: Mapping[str, object]) -> list[Piece]:
    """Reasoning in plain text; what is encrypted has no text to count and is left out."""
    text = text_at(block, "content", "thinking", "text", "reasoning")
    if text is not None:
        return [Piece("reasoning", text)]
    found = []
    for name in ("content", "summary", "reasoningText"):
        value = block.get(name)
        for item in value if isinstance(value, list) else [value]:
            inner = text_at(item, "text") if isinstance(item, (dict, Mapping)) else None
            if inner:
                found.append(Piece("reasoning", inner))
    return found


def of_text(text: str) -> Piece:
    """The piece that a text is: itself, or the medium that stands in its place."""
    if is_media_text(text):
        return media_text(text)
    return Piece("text", text)


def media_text(text: str) -> Piece:
    """The medium that stands in a text's place as a data URI or a placeholder."""
    kind = kind_of(mime_of_data_uri(text))
    media = read_media(text, kind=kind)
    return Piece(media.kind, None, media)


def _article(value: object) -> str:
    word = {"bool": "boolean", "int": "number", "float": "number"}.get(type(value).__name__)
    return f"a {word or type(value).__name__}"
