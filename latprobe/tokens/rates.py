"""What a million tokens of each kind cost, and what a call costs at such rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

PER_MTOK = 1e-6


class Quantities(NamedTuple):
    """A call's tokens as they are billed; None where not known.

    `input_tokens` includes the cached ones, the images' and the sound's, `output_tokens` the
    reasoning.
    """

    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    image_input_tokens: int = 0
    audio_input_tokens: int = 0

    @property
    def has_media(self) -> bool:
        """Whether kinds are in it that may have a price of their own."""
        return self.image_input_tokens > 0 or self.audio_input_tokens > 0


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens. None: no such price; cached tokens then cost what the others
    of the input do."""

    input_usd: float | None = None
    cache_read_usd: float | None = None
    cache_write_usd: float | None = None
    output_usd: float | None = None

    def cost(self, call: Quantities) -> float | None:
        """US dollars, None where a kind that the call used has no price, or an amount with a price
        is not known: a part of a sum is no sum."""
        read, write = call.cache_read_tokens, call.cache_write_tokens
        plain = None if call.input_tokens is None else max(call.input_tokens - read - write, 0)
        given = self.input_usd
        shares = (
            (plain, given),
            (read, given if self.cache_read_usd is None else self.cache_read_usd),
            (write, given if self.cache_write_usd is None else self.cache_write_usd),
            (call.output_tokens, self.output_usd),
        )
        total = 0.0
        for tokens, usd in shares:
            if tokens is None and usd:
                return None
            if tokens and usd is None:
                return None
            total += (tokens or 0) * (usd or 0.0) * PER_MTOK
        if call.input_tokens is None and call.output_tokens is None:
            return None
        return total
