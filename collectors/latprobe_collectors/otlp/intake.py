"""What both protocols share: a body becomes accepted spans, or a refusal."""

from __future__ import annotations

import hmac
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from latprobe_collectors.otlp.acceptance import Verdict, drop_unusable
from latprobe_collectors.otlp.budget import Budget, Share
from latprobe_collectors.otlp.messages import from_json, from_protobuf
from latprobe_collectors.otlp.redaction import SpoolPolicy
from latprobe_collectors.otlp.refusals import (
    BadRequestError,
    OverloadedError,
    TooLargeError,
    UnauthorizedError,
)
from latprobe_collectors.otlp.spool import Spool
from latprobe_collectors.otlp.wire_fields import MAX_FIELDS, has_too_many_fields

MAX_BODY_BYTES = 32 << 20
MAX_EXPANDED_BYTES = 64 << 20
# Python's objects for JSON take up to 30 times its text.
MAX_JSON_BYTES = 16 << 20
# Bodies as received and expanded, of all requests together. A parsed message takes about as much
# again, and requests are parsed one by one.
MEMORY_BYTES = 192 << 20
MAX_WAITING = 64
WAIT_S = 10.0
_STEP = 1 << 20
PROTOBUF, JSON = "application/x-protobuf", "application/json"


@dataclass(slots=True)
class Intake:
    """Accepts bodies into the spool; safe for many threads, which it lets work one by one."""

    spool: Spool
    token: str | None = None
    policy: SpoolPolicy = field(default_factory=SpoolPolicy)
    budget: Budget = field(default_factory=lambda: Budget(MEMORY_BYTES))
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _waiting: threading.Semaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MAX_WAITING)
    )

    def check_token(self, header: str | None) -> None:
        """Raises UnauthorizedError unless an Authorization header carries the token."""
        if self.token is None:
            return
        scheme, _, given = (header or "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not is_right:
            raise UnauthorizedError("Send the header `Authorization: Bearer TOKEN`.")

    def accept(self, body: bytes, kind: str = PROTOBUF) -> Verdict:
        """Returns when the usable spans of the body will survive a kill. Raises Refusal."""
        with self._my_turn():
            _check_parts(body, kind)
            if kind == JSON:
                request, body = from_json(body), b""
            else:
                request, body = from_protobuf(body)
            verdict = drop_unusable(request)
            if verdict.kept:
                if verdict.rejected or not body:
                    body = request.SerializeToString()
                if self.policy.apply(request, body):
                    body = request.SerializeToString()
                self.spool.append(body, verdict.kept)
            return verdict

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            raise OverloadedError("Too many requests wait. Send it again.")
        try:
            if not self._turn.acquire(timeout=WAIT_S):
                raise OverloadedError("The receiver is busy. Send it again.")
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._waiting.release()


def _check_parts(body: bytes, kind: str) -> None:
    """Raises TooLargeError for a body that would take many times its size once it is parsed."""
    if kind == JSON and len(body) > MAX_JSON_BYTES:
        raise TooLargeError(f"JSON has more than {MAX_JSON_BYTES >> 20} MiB.")
    if kind == PROTOBUF and has_too_many_fields(body):
        raise TooLargeError(f"The request has more than {MAX_FIELDS:,} fields.")


def expand(body: bytes, share: Share) -> bytes:
    """The body that gzip packed. Raises BadRequestError, TooLargeError, OverloadedError."""
    parts: list[bytes] = []
    total = 0
    rest = body
    while rest:
        unpack = zlib.decompressobj(31)
        try:
            while not unpack.eof:
                share.take(_STEP)
                part = unpack.decompress(rest, _STEP)
                rest = unpack.unconsumed_tail
                if not part and not rest and not unpack.eof:
                    raise BadRequestError("The gzip data ends early.")
                total += len(part)
                if total > MAX_EXPANDED_BYTES:
                    raise TooLargeError(
                        f"The body expands to more than {MAX_EXPANDED_BYTES >> 20} MiB."
                    )
                parts.append(part)
        except zlib.error as error:
            raise BadRequestError(f"The body is not gzip: {error}") from error
        rest = unpack.unused_data
    return b"".join(parts)
