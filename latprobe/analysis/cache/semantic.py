"""Which texts mean nearly the same, by vectors that the user's own function gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from latprobe.errors import UsageError

Embed = Callable[[Sequence[str]], NDArray[np.floating]]

# Cosine from which on an answer to the one is given for the other.
LEAST_COSINE = 0.95
_AT_A_TIME = 1_000


def similar_meaning(
    texts: Sequence[str], embed: Embed, *, least_cosine: float = LEAST_COSINE
) -> dict[int, tuple[int, ...]]:
    """For each text those within the cosine, the nearest first.

    Raises UsageError where `embed` does not give one vector a text.
    """
    vectors = np.asarray(embed(list(texts)), np.float64)
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise UsageError("embed must give one vector a text: an array of (texts, dimensions).")
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    found: dict[int, tuple[int, ...]] = {}
    for first in range(0, len(vectors), _AT_A_TIME):
        cosines = vectors[first : first + _AT_A_TIME] @ vectors.T
        for place, row in enumerate(cosines):
            row[first + place] = -1.0
            near = np.flatnonzero(row >= least_cosine)
            if len(near):
                order = near[np.argsort(-row[near], kind="stable")]
                found[first + place] = tuple(order.tolist())
    return found
