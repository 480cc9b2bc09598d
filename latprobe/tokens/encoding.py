"""OpenAI's encodings, built from rank files that come with this package.

tiktoken's own `get_encoding` fetches the ranks from the network on first use; nothing here does,
and nothing is registered with tiktoken (a second plugin of one name breaks `get_encoding`).
Ranks, patterns and special tokens are tiktoken's, MIT licence, Copyright (c) 2022 OpenAI.
"""

from __future__ import annotations

import base64
import lzma
import struct
import threading
from dataclasses import dataclass
from importlib import resources
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from latprobe.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import tiktoken

# tiktoken_ext/openai_public.py of tiktoken 0.14.0.
CL100K_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
O200K_PATTERN = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
# Without what needs a regex engine that backtracks: right for text that is cut first.
_O200K_CUT_PATTERN = O200K_PATTERN.replace(r"|\s+(?!\S)|", "|")
O200K_SPECIAL = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}
# 200018 is `<|endofprompt|>` and `<|reserved_200018|>` here, as it is in tiktoken.
HARMONY_SPECIAL = {
    **O200K_SPECIAL,
    "<|startoftext|>": 199998,
    "<|return|>": 200002,
    "<|constrain|>": 200003,
    "<|channel|>": 200005,
    "<|start|>": 200006,
    "<|end|>": 200007,
    "<|message|>": 200008,
    "<|call|>": 200012,
    **{
        f"<|reserved_{number}|>": number
        for number in (200000, 200001, 200004, 200009, 200010, 200011, *range(200013, 201088))
    },
}
CL100K_SPECIAL = {
    "<|endoftext|>": 100257,
    "<|fim_prefix|>": 100258,
    "<|fim_middle|>": 100259,
    "<|fim_suffix|>": 100260,
    "<|endofprompt|>": 100276,
}


@dataclass(frozen=True, slots=True)
class EncodingSource:
    """What an encoding is made of; `ranks` names a file in `data/`, `sha256` the vendor's file."""

    ranks: str
    pattern: str
    special_tokens: Mapping[str, int]
    sha256: str


O200K_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
CL100K_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
SOURCES: dict[str, EncodingSource] = {
    "o200k_base": EncodingSource("o200k_base", O200K_PATTERN, O200K_SPECIAL, O200K_SHA256),
    "o200k_harmony": EncodingSource("o200k_base", O200K_PATTERN, HARMONY_SPECIAL, O200K_SHA256),
    "cl100k_base": EncodingSource("cl100k_base", CL100K_PATTERN, CL100K_SPECIAL, CL100K_SHA256),
}

_loaded: dict[str, tiktoken.Encoding] = {}
_ranks: dict[str, dict[bytes, int]] = {}
_lock = threading.Lock()


def load(name: str) -> tiktoken.Encoding:
    """Gives the encoding of that name, built once per process.

    The first call takes 0.1-0.4 s and 30-70 MB and holds the interpreter lock for most of it.
    Raises UsageError for a name that is not in SOURCES.
    """
    encoding = _loaded.get(name)
    if encoding is None:
        with _lock:
            encoding = _loaded.get(name)
            if encoding is None:
                encoding = _loaded[name] = _build(name)
    return encoding


def load_for_counting(name: str) -> tiktoken.Encoding:
    """Gives the encoding for `latprobe.tokens.plain_encoder`, built once per process: o200k's
    pattern stands in it without its lookahead. Costs what `load` does; raises as it does."""
    source = SOURCES.get(name)
    if source is None or source.pattern != O200K_PATTERN:
        return load(name)
    key = f"{name} for counting"
    encoding = _loaded.get(key)
    if encoding is None:
        with _lock:
            encoding = _loaded.get(key)
            if encoding is None:
                encoding = _loaded[key] = _build(name, _O200K_CUT_PATTERN)
    return encoding


def read_tokens(ranks: str) -> Iterator[bytes]:
    """Gives the tokens of a shipped rank file in rank order."""
    packed = resources.files("latprobe.tokens").joinpath("data", f"{ranks}.ranks.xz").read_bytes()
    plain = lzma.decompress(packed)
    (count,) = struct.unpack_from("<I", plain)
    body = 4 + count
    ends = accumulate(plain[4:body], initial=body)
    return (plain[start:end] for start, end in pairwise(ends))


def vendor_file(ranks: str) -> bytes:
    """Gives the rank file as the vendor publishes it, for checking it against its SHA-256."""
    lines = (
        b"%s %d\n" % (base64.b64encode(token), rank)
        for rank, token in enumerate(read_tokens(ranks))
    )
    return b"".join(lines)


def _build(name: str, pattern: str | None = None) -> tiktoken.Encoding:
    import tiktoken

    source = SOURCES.get(name)
    if source is None:
        raise UsageError(f"There is no encoding {name!r}. Use one of {', '.join(SOURCES)}.")
    if source.ranks not in _ranks:
        tokens = read_tokens(source.ranks)
        _ranks[source.ranks] = {token: rank for rank, token in enumerate(tokens)}
    return tiktoken.Encoding(
        name,
        pat_str=pattern or source.pattern,
        mergeable_ranks=_ranks[source.ranks],
        special_tokens=dict(source.special_tokens),
    )
