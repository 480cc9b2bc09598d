"""When each token of a simulated reply comes.

    first token = base + prompt tokens not in the prefix cache * time per input token
    each next   = time per output token
    each of these times a lognormal factor of median 1

The defaults are round numbers of the order that a 7B model shows on one data-centre GPU behind
a server with few requests at a time. They are not measurements.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """Seconds for each part of the formula, and the sigma of the lognormal factor."""

    base_s: float = 0.040
    input_token_s: float = 0.000_05
    output_token_s: float = 0.006
    jitter_sigma: float = 0.15

    def first_token_s(self, uncached_tokens: int, *, rng: random.Random) -> float:
        """Seconds from the start of the prefill to the first token."""
        return (self.base_s + uncached_tokens * self.input_token_s) * self._jitter(rng)

    def next_token_s(self, rng: random.Random) -> float:
        """Seconds from one token to the next."""
        return self.output_token_s * self._jitter(rng)

    def _jitter(self, rng: random.Random) -> float:
        return rng.lognormvariate(0.0, self.jitter_sigma)


INSTANT = TokenTimes(base_s=0.0, input_token_s=0.0, output_token_s=0.0, jitter_sigma=0.0)
"""For tests of the wire format, which need not wait."""
