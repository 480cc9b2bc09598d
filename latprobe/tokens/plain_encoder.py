"""How many tokens texts have, taken as plain text: tiktoken's counts in less time.

o200k's pattern ends in `\\s+(?!\\S)|\\s+`, whose lookahead leaves the last blank of a run to the
word behind it. For that alone tiktoken needs a regex engine that backtracks. Here all but the last
blank of each run of two and more are taken out and counted by themselves, so that the pattern goes
without the lookahead and a finite automaton does.

What is taken out is a match of its own: what stands before a run ends before it (punctuation takes
line ends along, never blanks; line ends belong to what is before them), and nothing begins with two
blanks but a run. A run before a line's end or the text's is left in: there the lookahead takes it
whole, as the plain pattern does. The last blank keeps what it stood between apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from latprobe.tokens.encoding import SOURCES, load_for_counting

if TYPE_CHECKING:
    import tiktoken

# Unicode's White_Space but for \r and \n, as Rust's \s has it; Python's has \x1c-\x1f besides.
_BLANKS = "\t\x0b\x0c \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_OTHER_BLANK = re.compile(f"[{_BLANKS.replace(' ', '')}]")
_BETWEEN = "<|endoftext|>"
# A run but for its last blank. `re` is quicker with the few characters of ASCII.
_RUN = re.compile(rf"([{_BLANKS}]+)(?=[{_BLANKS}][^{_BLANKS}\r\n])")
_RUN_ASCII = re.compile(r"([\t\x0b\x0c ]+)(?=[\t\x0b\x0c ][^\t\x0b\x0c \r\n])")
_RUN_SPACES = re.compile(r"(  *)(?= [^ \r\n])")


class PlainEncoder:
    """Counts by one encoding. For any thread; the tokenizer runs outside the interpreter lock."""

    def __init__(self, name: str) -> None:
        self.tokenizer: tiktoken.Encoding = load_for_counting(name)
        self.name = self.tokenizer.name
        self._takes_runs_out = self.tokenizer._pat_str != SOURCES[name].pattern
        self._count_run = lru_cache(4_096)(self._count_match)

    def count(self, text: str) -> int:
        """The tokens of the text; it must be short enough for tiktoken."""
        text, tokens = self._without_runs(text)
        return tokens + len(self.tokenizer.encode_ordinary(text))

    def count_together(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text, in one call of the tokenizer.

        tiktoken cuts at special tokens before all else, so that texts with one between them have
        the tokens that they have alone.
        """
        joined, taken = _BETWEEN.join(texts), [0] * len(texts)
        if self._takes_runs_out and not (joined.isascii() and _pattern(joined) is None):
            left = [self._without_runs(text) for text in texts]
            joined, taken = _BETWEEN.join([text for text, _ in left]), [count for _, count in left]
        if len(texts) == 1 or joined.count(_BETWEEN) != len(texts) - 1:
            return [self.count(text) for text in texts]
        import numpy as np

        try:
            encoded = self.tokenizer.encode_to_numpy(
                joined, allowed_special={_BETWEEN}, disallowed_special=()
            )
        except UnicodeEncodeError:  # a lone surrogate, which one text alone may have
            return [self.count(text) for text in texts]
        ends = [-1, *np.flatnonzero(encoded == self.tokenizer.eot_token).tolist(), len(encoded)]
        return [
            end - start - 1 + tokens
            for (start, end), tokens in zip(pairwise(ends), taken, strict=True)
        ]

    def _without_runs(self, text: str) -> tuple[str, int]:
        """(what is left of the text, the tokens of what was taken out)."""
        if not self._takes_runs_out:
            return text, 0
        pattern = _pattern(text)
        if pattern is None:
            return text, 0
        found = pattern.split(text)
        return "".join(found[::2]), sum(map(self._count_run, found[1::2]))

    def _count_match(self, match: str) -> int:
        return len(self.tokenizer._encode_single_piece(match.encode()))


def _pattern(text: str) -> re.Pattern[str] | None:
    """Finds the runs of the text; None if it has none."""
    if not text.isascii():
        if _OTHER_BLANK.search(text):
            return _RUN
    elif "\t" in text or "\x0b" in text or "\x0c" in text:
        return _RUN_ASCII
    return _RUN_SPACES if "  " in text else None
