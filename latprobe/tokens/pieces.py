"""Where a text may be cut so that its parts' tokens are the whole's.

Both encodings split a text by a pattern before they merge bytes, and no match of that pattern
- goes on behind a newline, except with more whitespace or (o200k) with "/",
- goes on behind a letter or digit with anything but a letter, a digit, a mark or "'".
So both places are cuts that change nothing, whatever stands around them. A third cut is wrong in
places: behind a blank, since `\\s++$` and `\\s+(?!\\S)` look at what follows.
"""

from __future__ import annotations

import re

PIECE_CHARACTERS = 8_192
# Far under the million whitespace characters at which tiktoken's pattern runs out of stack.
REACH_CHARACTERS = 65_536

# Blocks whose every character has been a letter or digit in all versions of Unicode since 5.0, so
# that this interpreter's tables and tiktoken's cannot disagree.
_LETTER_OR_DIGIT = (
    "0-9A-Za-zÀ-ÖØ-öø-ʯΑ-ΡΣ-ώА-яא-תء-غف-ي"
    "\u0905-\u0939\u0e01-\u0e30\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3"
)
# Neither letter, digit, mark nor "'".
_BREAK = r"\x00-&(-/:-@\[-`{-\x7f\u2010-\u2027\u3001-\u3003\u3008-\u3011\uff01\uff0c\uff1a\uff1f"
_CUT = re.compile(rf"(?<=\n)(?=[^\s/])|(?<=[{_LETTER_OR_DIGIT}])(?=[{_BREAK}])")


def next_cut(text: str, start: int) -> int | None:
    """Says where the piece that begins at `start` ends, an index into the text.

    A piece is PIECE_CHARACTERS long or a little more. None: there is no place to cut within
    REACH_CHARACTERS, which only walls of one kind of character have.
    """
    if len(text) - start <= 2 * PIECE_CHARACTERS:
        return len(text)
    found = _CUT.search(text, start + PIECE_CHARACTERS, start + REACH_CHARACTERS)
    if found is not None:
        return found.start()
    return len(text) if len(text) - start <= REACH_CHARACTERS else None
