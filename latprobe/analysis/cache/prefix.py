"""How much of each prompt a cache of prefixes would have kept, by running it over all of them.

A prompt is a chain: each link's hash holds the hash of the link before it, so that equal links mean
equal beginnings (as vLLM's automatic prefix caching has it).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Long texts are cut into links of so many characters, about 64 tokens.
LINK_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Chain:
    """A prompt's links from the start, and the tokens up to the end of each."""

    links: tuple[int, ...]
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PrefixUse:
    """Tokens of each prompt's beginning that were kept when it came, and that it added to what is
    kept and came again later."""

    matched: NDArray[np.int64]
    written: NDArray[np.int64]


def chain(parts: Sequence[tuple[int, int, str | None]]) -> Chain:
    """The chain of a prompt's parts: (hash, tokens, text if kept), in their order.

    Where a text is kept its links' tokens are spread evenly over its characters (estimated).
    """
    links: list[int] = []
    upto: list[int] = []
    above, total = 0, 0
    for digest, tokens, text in parts:
        pieces = (
            [text[i : i + LINK_CHARACTERS] for i in range(0, len(text), LINK_CHARACTERS)]
            if text
            else []
        )
        if len(pieces) < 2:
            above = hash((above, digest))
            links.append(above)
            upto.append(total + tokens)
        else:
            done = 0
            for piece in pieces:
                above = hash((above, piece))
                done += len(piece)
                links.append(above)
                upto.append(total + tokens * done // len(text or ""))
        total += tokens
    return Chain(tuple(links), tuple(upto))


def simulate_prefixes(
    chains: Sequence[Chain],
    start_ns: NDArray[np.int64],
    ready_ns: NDArray[np.int64],
    *,
    ttl_ns: int | None,
    size_tokens: int | None,
) -> PrefixUse:
    """What a cache of prefixes keeps of each prompt; prompts are in the order of their starts.

    A prompt's links can be used from its `ready_ns` on, and until `ttl_ns` after their last use.
    Over `size_tokens` the links that were not used for the longest leave, ends before beginnings.
    """
    kept: OrderedDict[int, tuple[int, int, int]] = OrderedDict()  # link: last use, ready, tokens
    times = Counter(link for each in chains for link in set(each.links))
    matched, written = np.zeros(len(chains), np.int64), np.zeros(len(chains), np.int64)
    held = 0
    for row, (each, now, ready) in enumerate(
        zip(chains, start_ns.tolist(), ready_ns.tolist(), strict=True)
    ):
        depth = _depth(each, kept, now, ttl_ns)
        matched[row] = each.tokens[depth - 1] if depth else 0
        for place in reversed(range(len(each.links))):
            link = each.links[place]
            tokens = each.tokens[place] - (each.tokens[place - 1] if place else 0)
            old = kept.pop(link, None)
            if old is None:
                held += tokens
            if place >= depth and times[link] > 1:
                written[row] += tokens
            is_live = old is not None and (place < depth or old[1] > now)
            kept[link] = (now, old[1] if is_live and old is not None else ready, tokens)
        while size_tokens is not None and held > size_tokens and kept:
            held -= kept.popitem(last=False)[1][2]
    return PrefixUse(matched, written)


def _depth(
    each: Chain, kept: OrderedDict[int, tuple[int, int, int]], now: int, ttl_ns: int | None
) -> int:
    """How many links from the start are there, ready and alive."""
    for place, link in enumerate(each.links):
        found = kept.get(link)
        if found is None or found[1] > now:
            return place
        if ttl_ns is not None and now - max(found[0], found[1]) > ttl_ns:
            return place
    return len(each.links)
