"""The block test: its analytic moments against permutations, and what it controls."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.cohorts.block_test import (
    Blocks,
    blocks_for,
    normal_p,
    pair_sums,
    permutation_p,
)
from latprobe.analysis.cohorts.false_discovery import q_values
from latprobe.analysis.cohorts.rank_columns import centred_ranks, rank_biserial


@pytest.mark.parametrize("length", [1, 7])
def test_the_deviation_has_the_moments_of_all_permutations(length: int) -> None:
    rng = np.random.default_rng(length)
    column, latency = (centred_ranks(rng.normal(size=210))[None] for _ in range(2))
    blocks = Blocks(210, length)
    sums = pair_sums(column, latency, blocks)
    matrix, number = sums.matrices[0], blocks.number
    orders = rng.permuted(np.tile(np.arange(number), (20_000, 1)), axis=1)
    drawn = matrix[np.arange(number), orders].sum(axis=1)
    assert abs(drawn.mean()) < 0.03
    assert drawn.std() == pytest.approx(1.0, abs=0.03)
    direct = float(np.sum(column * latency))
    assert np.sign(sums.observed[0]) == np.sign(direct)


def test_the_normal_law_and_the_permutations_agree() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=300)
    y = rng.normal(size=300) + 0.15 * x
    sums = pair_sums(centred_ranks(x)[None], centred_ranks(y)[None], blocks_for(300, 1))
    exact = permutation_p(sums, rng=rng, least_permutations=20_000)
    assert normal_p(float(sums.observed[0]), 1) == pytest.approx(exact, rel=0.35)


def test_blocks_are_as_long_as_the_memory_and_at_least_twenty() -> None:
    assert blocks_for(400, 1) == Blocks(400, 1)
    assert blocks_for(400, 8) == Blocks(400, 11)
    assert blocks_for(400, 100) == Blocks(400, 19)
    assert blocks_for(50_000, 1) == Blocks(50_000, 127)
    assert blocks_for(100, 9) == Blocks(100, 5)


def test_what_goes_round_among_replicas_is_seen_in_blocks_too() -> None:
    rng = np.random.default_rng(1)
    replica = (np.arange(900) % 3 == 0).astype(np.float64)
    latency = rng.normal(size=900) + replica
    sums = pair_sums(
        (replica - replica.mean())[None], centred_ranks(latency)[None], blocks_for(900, 9)
    )
    assert abs(sums.observed[0]) > 6


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    found = q_values(np.array([0.01, 0.04, 0.03, 0.5]))
    assert found.tolist() == pytest.approx([0.04, 4 / 3 * 0.04, 4 / 3 * 0.04, 0.5])
    assert len(q_values(np.array([]))) == 0


def test_ranks_share_ties_and_gaps_are_neutral() -> None:
    assert centred_ranks(np.array([1.0, 2.0, 2.0, np.nan, 3.0])).tolist() == pytest.approx(
        [-0.5, 0, 0, 0, 0.5]
    )
    assert centred_ranks(np.array([np.nan, 1.0])).tolist() == [0, 0]


def test_rank_biserial_counts_pairs() -> None:
    assert rank_biserial(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == pytest.approx(0.75)
    assert rank_biserial(np.array([np.nan]), np.array([1.0])) is None
