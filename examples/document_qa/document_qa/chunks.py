"""Text in overlapping pieces that retrieval ranks."""

from __future__ import annotations

CHUNK_CHARACTERS = 240
OVERLAP_LINES = 1


def split(
    text: str, *, chunk_characters: int = CHUNK_CHARACTERS, overlap_lines: int = OVERLAP_LINES
) -> tuple[str, ...]:
    """Chunks of whole lines, each beginning with the last lines of the one before.

    Lines stay whole because a table's row means nothing in halves; the overlap keeps a sentence
    that crosses a chunk's end readable in one of the two. A longer line is a chunk of its own.
    """
    chunks: list[str] = []
    held: list[str] = []
    fresh_lines = 0
    for line in filter(None, map(str.strip, text.splitlines())):
        if fresh_lines and len("\n".join([*held, line])) > chunk_characters:
            chunks.append("\n".join(held))
            held = held[len(held) - min(overlap_lines, len(held)) :]
            fresh_lines = 0
        held.append(line)
        fresh_lines += 1
    if fresh_lines:
        chunks.append("\n".join(held))
    return tuple(chunks)
