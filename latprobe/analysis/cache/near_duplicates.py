"""Which texts are nearly the same: MinHash to find candidates, exact comparison to judge them.

Broder, "On the resemblance and containment of documents", 1997; banding as in Leskovec, Rajaraman
and Ullman, "Mining of Massive Datasets", chapter 3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

# Share of common shingles (Jaccard) from which on two texts count as nearly the same.
LEAST_ALIKE = 0.6
# Words in a shingle.
SHINGLE_WORDS = 3
# 40 bands of 3: two texts with Jaccard 0.6 meet in one with a chance of 99.99 %.
_BANDS, _ROWS = 40, 3
# In a crowd of alike texts each is compared with so many before it: hits are then a lower bound.
_MOST_IN_BUCKET = 50

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_SPACE = 32


def shingles(text: str) -> Hashes:
    """Hashes of the text's runs of three words, each once, sorted."""
    words = _word_hashes(np.frombuffer(text.encode("utf-8", "replace"), np.uint8))
    if len(words) == 0:
        return words
    count = max(len(words) - SHINGLE_WORDS + 1, 1)
    found = np.zeros(count, np.uint64)
    for place in range(min(SHINGLE_WORDS, len(words))):
        found = _mixed(found * np.uint64(31) + words[place : place + count])
    return np.unique(found)


def jaccard(one: Hashes, other: Hashes) -> float:
    """Common shingles over all of both; 1 for two empty texts."""
    if not len(one) and not len(other):
        return 1.0
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def similar(
    texts: Sequence[Hashes], *, least_alike: float = LEAST_ALIKE
) -> dict[int, tuple[int, ...]]:
    """For each text the ones that are nearly the same, the most alike first."""
    found: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for one, other in _candidates(texts):
        alike = jaccard(texts[one], texts[other])
        if alike >= least_alike:
            found[one].append((-alike, other))
            found[other].append((-alike, one))
    return {one: tuple(other for _, other in sorted(others)) for one, others in found.items()}


def _candidates(texts: Sequence[Hashes]) -> Iterator[tuple[int, int]]:
    """Pairs that share a band, each once."""
    seeds = np.random.default_rng(0).integers(1, 1 << 63, _BANDS * _ROWS).astype(np.uint64)
    signatures = np.array([_signature(each, seeds) for each in texts], np.uint64)
    seen: set[tuple[int, int]] = set()
    for band in range(_BANDS if len(texts) else 0):
        buckets: dict[bytes, list[int]] = {}
        for at, row in enumerate(signatures[:, band * _ROWS : (band + 1) * _ROWS]):
            bucket = buckets.setdefault(row.tobytes(), [])
            for other in bucket[-_MOST_IN_BUCKET:]:
                if (other, at) not in seen:
                    seen.add((other, at))
                    yield other, at
            bucket.append(at)


def _signature(hashes: Hashes, seeds: Hashes) -> Hashes:
    if not len(hashes):
        return np.zeros(len(seeds), np.uint64)
    return np.array([_mixed(hashes ^ seed).min() for seed in seeds], np.uint64)


def _word_hashes(letters: NDArray[np.uint8]) -> Hashes:
    """A hash of each run of bytes that are no white space."""
    is_word = letters > _SPACE
    if not is_word.any():
        return np.zeros(0, np.uint64)
    before = np.concatenate(([False], is_word[:-1]))
    starts = np.flatnonzero(is_word & ~before)
    place = np.arange(len(letters)) - np.repeat(
        np.concatenate(([0], starts)), np.diff(np.concatenate(([0], starts, [len(letters)])))
    )
    placed = _mixed((place.astype(np.uint64) << np.uint64(8)) + letters) * is_word
    return np.asarray(np.add.reduceat(placed, starts))


def _mixed(values: Hashes) -> Hashes:
    values = (values ^ (values >> _SHIFT)) * _MULTIPLIER
    values = (values ^ (values >> np.uint64(32))) * _MULTIPLIER
    return np.asarray(values ^ (values >> _SHIFT))
