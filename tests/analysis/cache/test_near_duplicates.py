"""Which texts count as nearly the same."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.cache.near_duplicates import LEAST_ALIKE, jaccard, shingles, similar
from latprobe.analysis.cache.semantic import similar_meaning
from latprobe.errors import UsageError


def edited_pairs(pairs: int) -> list[str]:
    """Texts of 40-200 words, each followed by itself with some words replaced."""
    rng = np.random.default_rng(5)
    texts = []
    for _ in range(pairs):
        words = [f"w{n}" for n in rng.integers(0, 5_000, rng.integers(40, 200))]
        edited = list(words)
        for place in rng.choice(len(words), max(int(len(words) * rng.uniform(0, 0.12)), 1)):
            edited[place] = "changed"
        texts += [" ".join(words), " ".join(edited)]
    return texts


def test_nearly_all_pairs_over_the_limit_are_found_and_none_below() -> None:
    prints = [shingles(text) for text in edited_pairs(200)]
    found = similar(prints)
    alike = {
        (at, at + 1)
        for at in range(0, 400, 2)
        if jaccard(prints[at], prints[at + 1]) >= LEAST_ALIKE
    }
    pairs = {(one, other) for one, others in found.items() for other in others if one < other}
    assert 80 < len(alike) < 200
    assert len(pairs & alike) >= 0.96 * len(alike)
    assert all(jaccard(prints[one], prints[other]) >= LEAST_ALIKE for one, other in pairs)


def test_shingles_are_runs_of_three_words_whatever_the_white_space() -> None:
    assert len(shingles("a b c d")) == 2
    assert shingles("a b  c\nd").tolist() == shingles(" a b c d ").tolist()
    assert jaccard(shingles("a b c"), shingles("c b a")) == 0
    assert len(shingles("alone")) == 1
    assert len(shingles("  ")) == 0


def test_the_most_alike_comes_first() -> None:
    words = [f"w{n}" for n in range(60)]
    near, nearer = [*words], [*words]
    near[10] = near[30] = "x"
    nearer[10] = "x"
    prints = [shingles(" ".join(each)) for each in (words, near, nearer)]
    assert similar(prints)[0] == (2, 1)


def test_meaning_is_by_the_cosine_of_the_users_vectors() -> None:
    vectors = {"a": [1.0, 0.0], "b": [0.99, 0.1], "c": [0.0, 1.0]}
    found = similar_meaning(["a", "b", "c"], lambda texts: np.array([vectors[t] for t in texts]))
    assert found == {0: (1,), 1: (0,)}


def test_an_embedding_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(UsageError, match="one vector a text"):
        similar_meaning(["a", "b"], lambda _: np.zeros(3))
