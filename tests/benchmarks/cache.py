"""Prints what running a cache over a million calls costs, and finding near duplicates.

python tests/benchmarks/cache.py
"""

from __future__ import annotations

import time

import numpy as np

from latprobe.analysis.cache.lru import MISS, simulate
from latprobe.analysis.cache.near_duplicates import jaccard, shingles, similar
from latprobe.analysis.cache.prefix import chain, simulate_prefixes

CALLS = 1_000_000


def main() -> None:
    rng = np.random.default_rng(0)
    keys = rng.zipf(1.3, CALLS) % 200_000
    start = np.cumsum(rng.exponential(1e7, CALLS)).astype(np.int64)
    for size, ttl_s in ((None, None), (10_000, 3_600), (1_000, 60)):
        before = time.process_time()
        ttl_ns = None if ttl_s is None else ttl_s * 1_000_000_000
        served = simulate(keys, start, start + 5_000_000, size=size, ttl_ns=ttl_ns)
        print(
            f"a million calls, size {size}, {ttl_s} s: {np.mean(served != MISS):.1%} hits, "
            f"{time.process_time() - before:.2f} s of CPU"
        )
    few = CALLS // 10
    chains = [
        chain([(1, 1000, None), (int(key), 200, None), (-place, 50, None)])
        for place, key in enumerate(keys[:few])
    ]
    before = time.process_time()
    simulate_prefixes(chains, start[:few], start[:few] + 1, ttl_ns=None, size_tokens=None)
    print(f"{few:,} prompts of 3 links: {time.process_time() - before:.2f} s of CPU")
    texts = []
    for _ in range(1_000):
        words = [f"w{n}" for n in rng.integers(0, 5_000, rng.integers(40, 300))]
        edited = [word if rng.random() > 0.08 else "x" for word in words]
        texts += [" ".join(words), " ".join(edited)]
    before = time.process_time()
    prints = [shingles(text) for text in texts]
    found = similar(prints)
    pairs = [i for i in range(0, 2_000, 2) if jaccard(prints[i], prints[i + 1]) >= 0.6]
    recall = np.mean([i + 1 in found.get(i, ()) for i in pairs])
    print(
        f"2,000 texts: {recall:.1%} of {len(pairs)} pairs with Jaccard >= 0.6 found, "
        f"{time.process_time() - before:.2f} s of CPU"
    )


if __name__ == "__main__":
    main()
