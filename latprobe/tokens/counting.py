"""Exact token counts of any text, with what was counted before remembered by its digest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from latprobe.tokens import pieces, walls
from latprobe.tokens.part import text_hash
from latprobe.tokens.plain_encoder import PlainEncoder

# A digest costs more than the counting of a shorter text.
SHORT_CHARACTERS = 64
# An entry's digest, its count and its place in the table, as sys.getsizeof and the table say.
ENTRY_BYTES = 256
CACHE_BYTES = 16 << 20
RECENT_CHARACTERS = 1 << 20
# What is encoded in one call, for which no other thread has to wait.
JOINED_CHARACTERS = 1 << 18
# The two differ in special tokens alone, and a prompt's text has none.
_SAME_TEXT = {"o200k_harmony": "o200k_base"}


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of a text. `is_exact` is False where blocks of a wall could not be joined exactly."""

    tokens: int
    is_exact: bool = True


class TokenCounter:
    """Counts tokens; for any thread. Repeated texts and pieces of long texts are looked up."""

    def __init__(self, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._limit = max(cache_bytes // ENTRY_BYTES, 1)
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._recent: dict[str, _Recent] = {}
        self._lock = threading.Lock()

    def count(self, text: str, encoding: str) -> int:
        """Gives the tokens of the text, taken as plain text; see `measure`."""
        return self.measure(text, encoding).tokens

    def count_many(self, texts: Sequence[str], encoding: str) -> list[int]:
        """Gives the tokens of each text."""
        return self.count_hashed([(text, None) for text in texts], encoding)

    def count_hashed(self, texts: Iterable[tuple[str, bytes | None]], encoding: str) -> list[int]:
        """Gives the tokens of each text; the bytes are its `text_hash` where that is known.

        The tokenizer runs outside the interpreter lock, once for many texts.
        """
        encoder = _encoder(encoding)
        mark = encoder.name.encode()
        recent = self._recent_of(encoder)
        counts: list[int] = []
        missing: list[tuple[int, str, bytes | None]] = []
        for text, digest in texts:
            size = len(text)
            if size > pieces.PIECE_CHARACTERS:
                counts.append(self.measure(text, encoding).tokens)
                continue
            key = None
            known = None if digest or size <= SHORT_CHARACTERS else recent.find(text)
            if known is None and size > SHORT_CHARACTERS:
                key = (digest or text_hash(text)) + mark
                known = self._find(key)
                if known is not None and not digest:
                    recent.keep(text, known)
            if known is None:
                missing.append((len(counts), text, key))
            counts.append(known or 0)
        for place, tokens in self._encode(encoder, missing).items():
            counts[place] = tokens
        return counts

    def measure(self, text: str, encoding: str) -> Counted:
        """Gives the tokens that tiktoken's `encode_ordinary` makes of the text.

        Unlike it, this takes a text of any length and of any characters: special tokens are plain
        text, lone surrogates are U+FFFD as they are there. Raises UsageError for an unknown
        encoding.
        """
        encoder = _encoder(encoding)
        if len(text) <= SHORT_CHARACTERS:
            return Counted(encoder.count(text))
        if len(text) <= pieces.PIECE_CHARACTERS:
            return Counted(self._piece(encoder, text))
        try:
            text.encode()
        except UnicodeEncodeError:
            text = _without_surrogates(text)
        return self._long(encoder, text)

    def _long(self, encoder: PlainEncoder, text: str) -> Counted:
        tokens, is_exact, start = 0, True, 0
        cut: list[str] = []
        while start < len(text):
            end = pieces.next_cut(text, start)
            if end is None:
                stretch = walls.measure_stretch(encoder.tokenizer, text, start)
                tokens += stretch.tokens
                is_exact = is_exact and stretch.is_exact
                end = stretch.end
            else:
                cut.append(text[start:end])
            start = end
        return Counted(tokens + self._count_pieces(encoder, cut), is_exact)

    def _count_pieces(self, encoder: PlainEncoder, cut: Sequence[str]) -> int:
        mark = encoder.name.encode()
        keys = [text_hash(piece) + mark for piece in cut]
        found = [self._find(key) for key in keys]
        missing = [
            (place, cut[place], keys[place]) for place, known in enumerate(found) if known is None
        ]
        return sum(known or 0 for known in found) + sum(self._encode(encoder, missing).values())

    def _recent_of(self, encoder: PlainEncoder) -> _Recent:
        return self._recent.setdefault(encoder.name, _Recent())

    def _piece(self, encoder: PlainEncoder, text: str) -> int:
        recent = self._recent_of(encoder)
        tokens = recent.find(text)
        if tokens is not None:
            return tokens
        key = text_hash(text) + encoder.name.encode()
        tokens = self._find(key)
        if tokens is None:
            tokens = encoder.count(text)
            self._keep(key, tokens)
        recent.keep(text, tokens)
        return tokens

    def _encode(self, encoder: PlainEncoder, missing: Sequence[_Missing]) -> dict[int, int]:
        """The tokens of texts that are not known, by their place."""
        counts = {}
        for some in _bundles(missing):
            found = encoder.count_together([text for _, text, _ in some])
            for (place, _, key), tokens in zip(some, found, strict=True):
                counts[place] = tokens
                if key is not None:
                    self._keep(key, tokens)
        return counts

    def _find(self, key: bytes) -> int | None:
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
            return known

    def _keep(self, key: bytes, tokens: int) -> None:
        with self._lock:
            self._known[key] = tokens
            if len(self._known) > self._limit:
                self._known.popitem(last=False)


class _Recent:
    """Counts of the texts that were asked for last, by the texts: a digest takes four times as
    long. Two generations of a million characters; for any thread, of which one may lose an entry
    that another one keeps."""

    __slots__ = ("_new", "_old", "_size")

    def __init__(self) -> None:
        self._new: dict[str, int] = {}
        self._old: dict[str, int] = {}
        self._size = 0

    def find(self, text: str) -> int | None:
        tokens = self._new.get(text)
        if tokens is None:
            tokens = self._old.get(text)
            if tokens is not None:
                self.keep(text, tokens)
        return tokens

    def keep(self, text: str, tokens: int) -> None:
        self._new[text] = tokens
        self._size += len(text)
        if self._size > RECENT_CHARACTERS:
            self._old, self._new, self._size = self._new, {}, 0


_Missing = tuple[int, str, bytes | None]


def _bundles(missing: Sequence[_Missing]) -> Iterator[Sequence[_Missing]]:
    """The texts in lists that are encoded in one call each."""
    start = size = 0
    for end, (_, text, _) in enumerate(missing):
        size += len(text)
        if size >= JOINED_CHARACTERS:
            yield missing[start : end + 1]
            start, size = end + 1, 0
    if start < len(missing):
        yield missing[start:]


@cache
def _encoder(encoding: str) -> PlainEncoder:
    return PlainEncoder(_SAME_TEXT.get(encoding, encoding))


def _without_surrogates(text: str) -> str:
    """Gives the text as tiktoken sees it: surrogate pairs joined, lone surrogates U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
