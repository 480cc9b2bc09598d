"""Which numbers are amounts, which may be added up, and which only name something.

By the last words of an attribute's name, as OpenTelemetry's semantic conventions form them
(https://opentelemetry.io/docs/specs/semconv/general/naming/).
"""

from __future__ import annotations

import re

# A number that names something: half of two ports is no port.
_IDENTIFIERS = frozenset(
    [
        "address",
        "code",
        "errno",
        "hash",
        "id",
        "ids",
        "index",
        "key",
        "line",
        "lineno",
        "number",
        "pid",
        "port",
        "rank",
        "revision",
        "seed",
        "shard",
        "status",
        "tid",
        "uuid",
        "version",
    ]
)
# What is counted or measured, so that two calls have the sum of each one's.
_AMOUNTS = frozenset(
    [
        "bytes",
        "calls",
        "characters",
        "chars",
        "chunks",
        "cost",
        "count",
        "documents",
        "docs",
        "duration",
        "elapsed",
        "frames",
        "images",
        "items",
        "joules",
        "kb",
        "length",
        "mb",
        "messages",
        "pages",
        "pixels",
        "records",
        "requests",
        "retries",
        "rows",
        "size",
        "tokens",
        "total",
        "usd",
        "words",
    ]
)
_TIMES = frozenset(["hours", "minutes", "ms", "ns", "s", "seconds", "us"])
# Settings of a call are in amounts too, and two calls with the same one have just that one.
_LIMITS = frozenset(["max", "min", "limit", "top", "batch", "chunk", "window", "pool"])


def is_identifier(key: str) -> bool:
    """Whether a number under this name names something: a code, a port, a version."""
    return _words(key)[-1] in _IDENTIFIERS


def is_quantity(key: str) -> bool:
    """Whether numbers under this name add up over the calls of a request; no settings."""
    words = _words(key)
    return words[-1] in _AMOUNTS | _TIMES and not _LIMITS & set(words[:-1])


def _words(key: str) -> list[str]:
    """`http.response.statusCode` as ["http", "response", "status", "code"]."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
    return re.split(r"[^a-z0-9]+", apart.strip("._-")) or [""]
