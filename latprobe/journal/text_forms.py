"""Bytes of long texts in whatever form CPython holds them: what `_texts.c` does, in Python.

For where that was not compiled; both give texts that `long_texts.unpack` reads.
"""

from __future__ import annotations

from codecs import utf_16_le_encode, utf_32_le_encode  # not by name: a look-up each time
from typing import Any
from zlib import crc32

# Characters from which on a text costs less behind a frame's value than in it: of one byte each,
# which marshal copies (ASCII) or makes UTF-8 of (Latin-1).
LONG_TEXT = 4_096
LONG_LATIN_TEXT = 1_024
JOINED_BYTES = 32_768

# (codec, bytes that it takes, what they are made of: here those bytes)
Form = tuple[str, int, bytes]


def form(text: str) -> Form | None:
    """A piece for `copy`; None where the text costs less in the value.

    The bytes are what the interpreter holds, which it copies: one a character or two, and four
    where UTF-8 has nearly as many; UTF-8 for the rest.
    """
    found = _copied(text)
    return None if found is None else (found[0], len(found[1]), found[1])


def copy(pieces: list[Any], buffer: Any, start: int) -> int:
    """Writes bytes, and what `form` gave, one behind the other into the buffer from `start` on.

    Gives zlib's CRC-32 of all of it. Raises ValueError where they do not fit.
    """
    if len(pieces) == 2 and pieces[1][1] < JOINED_BYTES:  # cheaper than to check both
        pieces = [pieces[0] + pieces[1][2]]
    checksum = 0
    for piece in pieces:
        data = piece if type(piece) is bytes else piece[2]
        end = start + len(data)
        buffer[start:end] = data
        checksum = crc32(data, checksum)
        start = end
    return checksum


def _copied(text: str) -> tuple[str, bytes] | None:
    size = len(text)
    if text.isascii():
        return None if size < LONG_TEXT else ("latin-1", text.encode())
    width = text.__sizeof__() / size  # sys.getsizeof takes four times as long
    try:
        if width < 1.5:
            return None if size < LONG_LATIN_TEXT else ("latin-1", text.encode("latin-1"))
        # Some eight of them tell mostly English from what needs width. An odd step, for texts that
        # repeat themselves.
        some = text[:: size >> 3 | 1]
        if not some.isascii():
            if width < 2.5:
                if size < LONG_LATIN_TEXT or _needs(some, 1.5):
                    # Two halves of a pair, apart here, would be read as one letter: refused.
                    return "utf-16-le", utf_16_le_encode(text)[0]
            elif 3.9 < width < 4.5 and _needs(some, 2.5):  # wider: it is held as UTF-8 too
                return "utf-32-le", utf_32_le_encode(text, "surrogatepass")[0]
    except UnicodeEncodeError:  # a half; or an interpreter that holds text in another way
        pass
    return None if size < LONG_TEXT else ("utf-8", text.encode("utf-8", "surrogatepass"))


def _needs(some: str, width: float) -> bool:
    """Whether these characters take more than that many bytes each in UTF-8."""
    return len(some.encode("utf-8", "surrogatepass")) > width * len(some)
