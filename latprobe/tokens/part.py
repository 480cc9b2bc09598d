"""What a model call's content is taken apart into: parts of the prompt, and of the answer.

The kinds of the input are system, tools (schemas), few_shot, history, retrieved, user, image,
audio, video, document and other; those of the output are output (its text), reasoning and
tool_calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

INPUT_KINDS = (
    "system",
    "tools",
    "few_shot",
    "history",
    "retrieved",
    "user",
    "image",
    "audio",
    "video",
    "document",
    "other",
)
OUTPUT_KINDS = ("output", "reasoning", "tool_calls")
MEDIA_KINDS = ("image", "audio", "video", "document")

_HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a sound, a video or a document; None where its bytes are absent or do not say.

    `thumbnail` is a small picture of an image as a data URI, where the settings ask for one.
    """

    kind: str
    mime_type: str | None
    bytes: int | None
    sha256: str | None
    width: int | None
    height: int | None
    duration_s: float | None
    detail: str | None
    problem: str | None
    thumbnail: str | None = None


class Part(NamedTuple):
    """One piece of a prompt or of an answer, as it was sent. (A dataclass takes 4 times as long.)

    `text` is None for media, and where content was not kept; then `hash` (32 hex digits), `bytes`,
    `characters` and `counts` (tokens by encoding) say what was known before it was dropped. With a
    text, `hash` is that of the text without the blanks around it: see `cut_out`. `is_cut`: the text
    is the beginning of what was sent, and its counts are of that.
    """

    side: str
    kind: str
    role: str | None
    text: str | None
    media: Media | None = None
    name: str | None = None
    hash: str | None = None
    bytes: int | None = None
    characters: int | None = None
    counts: Mapping[str, int] | None = None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Dissected:
    """A call's parts in prompt order, and what its chat template needs to know.

    `problem` is one clause about what could not be understood; its text is then an "other" part.
    """

    parts: tuple[Part, ...]
    messages: int
    named_messages: int
    format: str
    problem: str | None
    tools_called: tuple[str, ...]
    tools_offered: tuple[str, ...]
    stops_early: bool = False

    @property
    def has_gaps(self) -> bool:
        """Whether texts of the input are not all that was sent, or were not understood."""
        return any(
            part.is_cut or (part.kind == "other" and self.problem is not None)
            for part in self.parts
            if part.side == "input"
        )


def cut_out(side: str, kind: str, role: str | None, text: str) -> Part:
    """A part for a document or an example that stood within a longer text.

    Blanks that follow it stay in its text, since tokens may reach over them, and are left out of
    its hash: what follows a document does not make it another one.
    """
    core = text.strip()
    is_padded = core and len(core) < len(text)
    return Part(side, kind, role, text, hash=text_hash(core).hex() if is_padded else None)


def text_hash(text: str) -> bytes:
    """The `part_hash` of a text."""
    encoded = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=_HASH_BYTES).digest()


def part_hash(part: Part) -> bytes:
    """16 bytes that say what the part holds: the same text or payload has the same in any kind."""
    if part.hash is not None:
        known = _from_hex(part.hash)
        if known is not None:
            return known
    if part.media is not None and part.media.sha256 is not None:
        return text_hash("media:" + part.media.sha256)
    if part.text is not None:
        return text_hash(part.text)
    return text_hash(_shape(part))


def _from_hex(text: str) -> bytes | None:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return None
    return found if len(found) == _HASH_BYTES else None


def _shape(part: Part) -> str:
    """What tells apart parts of which neither a text nor a digest is there."""
    media = part.media
    if media is None:
        return f"absent:{part.bytes}:{part.characters}"
    return f"media:{part.name}:{media.mime_type}:{media.bytes}:{media.width}x{media.height}"
