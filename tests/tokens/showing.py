"""Parts as short tuples, so that an expected prompt reads as one literal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from latprobe.tokens.part import Dissected, Part

FIXTURES = Path(__file__).parent / "fixtures"

Shown = tuple[str, str | None, str | None]


def shown(dissected: Dissected | None) -> list[Shown]:
    """Kind, name and text of each part; media show what is known of them."""
    assert dissected is not None
    return [(part.kind, part.name, _content(part)) for part in dissected.parts]


def _content(part: Part) -> str | None:
    media = part.media
    if media is None:
        return part.text
    return f"{media.mime_type} {media.width}x{media.height} {media.bytes}"


def fixture(name: str) -> Any:
    """A fixture's JSON."""
    return json.loads((FIXTURES / name).read_text("utf-8"))
