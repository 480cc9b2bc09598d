"""The simulated model as a server sees it: a queue, decode slots, a prefix cache and tokens."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from simulated_model import faults, reply, tokens
from simulated_model.chat_request import ChatRequest
from simulated_model.faults import Fault
from simulated_model.token_times import TokenTimes

MODEL_NAME = "simulated-7b"
DEFAULT_DECODE_SLOTS = 3
"""One below the example's four workers, so that a request now and then waits for a slot."""

_CACHE_BLOCK_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Generation:
    """What one request gets: its pieces, its token counts, and how it ends."""

    number: int
    pieces: tuple[str, ...]
    input_tokens: int
    cached_tokens: int
    finish_reason: str
    queue_s: float


class SimulatedModel:
    """Shared by the server's threads; times and faults follow the seed and the request's number."""

    def __init__(
        self,
        *,
        times: TokenTimes,
        seed: int = 0,
        decode_slots: int = DEFAULT_DECODE_SLOTS,
        fault_row: Iterable[Fault | None] = (),
    ) -> None:
        """A row of faults that ends is followed by requests that go well."""
        self._times = times
        self._seed = seed
        self._slots = threading.BoundedSemaphore(decode_slots)
        self._faults = itertools.chain(fault_row, itertools.repeat(None))
        self._numbers = itertools.count(1)
        self._seen_prefixes: set[str] = set()
        self._lock = threading.Lock()

    def next_fault(self) -> Fault | None:
        """The fault of the request that has just come in."""
        with self._lock:
            return next(self._faults)

    def generation(self, request: ChatRequest, *, queue_s: float = 0.0) -> Generation:
        """The reply to the request, cut off at its `max_tokens`; nothing has waited yet."""
        pieces = tuple(tokens.pieces(reply.write(request.messages)))
        kept = pieces[: request.max_tokens]
        return Generation(
            number=next(self._numbers),
            pieces=kept,
            input_tokens=tokens.count_messages(request.messages),
            cached_tokens=self._cached_tokens(request.messages[0]),
            finish_reason="stop" if kept == pieces else "length",
            queue_s=queue_s,
        )

    def spoken(self, generation: Generation) -> Iterator[str]:
        """The pieces, each when its time has come; waits for a decode slot first."""
        rng = random.Random(f"{self._seed}/{generation.number}")
        uncached_tokens = generation.input_tokens - generation.cached_tokens
        time.sleep(generation.queue_s)
        with self._slots:
            due_s = time.monotonic() + self._times.first_token_s(uncached_tokens, rng=rng)
            for piece in generation.pieces:
                time.sleep(max(0.0, due_s - time.monotonic()))
                yield piece
                due_s += self._times.next_token_s(rng)

    def _cached_tokens(self, first_message: Mapping[str, object]) -> int:
        """The first message's tokens in whole blocks, if an earlier request began with it too."""
        first = tokens.text_of(first_message)
        with self._lock:
            is_known = first in self._seen_prefixes
            self._seen_prefixes.add(first)
        return tokens.count(first) // _CACHE_BLOCK_TOKENS * _CACHE_BLOCK_TOKENS if is_known else 0


def real_time_model(*, seed: int, fault_share: float, decode_slots: int) -> SimulatedModel:
    """A model with the documented token times and a share of faults."""
    return SimulatedModel(
        times=TokenTimes(),
        seed=seed,
        decode_slots=decode_slots,
        fault_row=faults.drawn(share=fault_share, seed=seed),
    )
