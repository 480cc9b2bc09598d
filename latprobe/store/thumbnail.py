"""A small picture of an image in a prompt, where the setting `thumbnails` asks for it."""

from __future__ import annotations

import base64
import binascii
import io

SIDE = 64
MAX_PIXELS = 64 << 20
MAX_BYTES = 4_096


def thumbnail(payload: str | bytes) -> str | None:
    """A JPEG data URI of at most 64 pixels a side and 4 kB; None without Pillow, and for what it
    cannot read or what would be huge once decoded."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(_decoded(payload))) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            image.draft("RGB", (SIDE, SIDE))
            image.thumbnail((SIDE, SIDE))
            small = image.convert("RGB")
    except (
        UnidentifiedImageError, binascii.Error, OSError, ValueError, SyntaxError,
        Image.DecompressionBombError,
    ):  # fmt: skip
        return None
    written = io.BytesIO()
    small.save(written, "JPEG", quality=60)
    data = written.getvalue()
    if len(data) > MAX_BYTES:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _decoded(payload: str | bytes) -> bytes:
    if isinstance(payload, bytes):
        return payload
    body = payload.partition(",")[2] if payload.startswith("data:") else payload
    return base64.b64decode(body.replace("-", "+").replace("_", "/") + "==")
