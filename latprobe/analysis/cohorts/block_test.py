"""Whether a column goes with the latency: a test that permutes blocks of time.

The statistic is a sum of products of two centred columns, a rank sum. Under the permutations of
whole blocks it has a mean and a variance that are known exactly (Hoeffding, "A combinatorial
central limit theorem", 1951), since it is a sum over pairs of blocks. So a column costs one matrix
of block against block, and a permutation of all requests a sum over that matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.intervals import Floats

# More blocks than this add nothing but work; blocks are longer where there are more requests.
MOST_BLOCKS = 400
# Permutations at a time, and how many of them may beat the data before more are not worth it.
BATCH = 2_000
_ENOUGH_BEATEN = 10
_LEAST_LENGTH = 11


@dataclass(frozen=True, slots=True)
class Blocks:
    """How requests in the order of time are cut into blocks of `length`, the last one padded."""

    count: int
    length: int

    @property
    def number(self) -> int:
        return -(-self.count // self.length)

    def cut(self, columns: Floats) -> Floats:
        """(columns, requests) to (columns, blocks, length), padded with the mean, 0."""
        padded = np.zeros((columns.shape[0], self.number * self.length))
        padded[:, : self.count] = columns
        return padded.reshape(columns.shape[0], self.number, self.length)


def blocks_for(count: int, memory: int) -> Blocks:
    """Blocks at least as long as the latency's memory, at least 20 of them.

    A length over 1 is a prime, and 11 or more where there is room: what goes round among replicas
    (every third request) comes out the same however blocks of its period are ordered.
    """
    wanted = max(memory, -(-count // MOST_BLOCKS))
    if wanted <= 1:
        return Blocks(count, 1)
    most = max(count // 20, 1)
    length = next(each for each in range(max(wanted, _LEAST_LENGTH), 2 * count) if _is_prime(each))
    while length > 1 and (length > most or not _is_prime(length)):
        length -= 1
    return Blocks(count, length)


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % each for each in range(2, int(sqrt(number)) + 1))


@dataclass(frozen=True, slots=True)
class PairSums:
    """Products of blocks of the attribute's columns with blocks of the latency's.

    Each is scaled so that the sum over a permutation has mean 0 and variance 1: (pairs of columns,
    blocks, blocks).
    """

    matrices: Floats

    @property
    def observed(self) -> Floats:
        """How far each pair of columns goes together, in standard deviations."""
        return np.asarray(np.trace(self.matrices, axis1=1, axis2=2))

    def permuted_most(self, orders: NDArray[np.int64]) -> Floats:
        """The greatest deviation over the pairs of columns for each order of the blocks."""
        blocks = self.matrices.shape[1]
        places = orders + np.arange(blocks) * blocks
        most = np.zeros(len(orders))
        for matrix in self.matrices:
            np.maximum(most, np.abs(matrix.ravel()[places].sum(axis=1)), out=most)
        return most


def pair_sums(columns: Floats, latency: Floats, blocks: Blocks) -> PairSums:
    """Every column against every latency column; both centred, requests in the order of time."""
    first, second = blocks.cut(columns), blocks.cut(latency)
    found = np.empty((len(first) * len(second), blocks.number, blocks.number))
    for at, one in enumerate(first):
        for place, other in enumerate(second):
            found[at * len(second) + place] = _scaled(one @ other.T)
    return PairSums(found)


def _scaled(sums: Floats) -> Floats:
    """Doubly centred, by the permutations' standard deviation; zeros where there is none."""
    centred = sums - sums.mean(axis=0) - sums.mean(axis=1)[:, None] + sums.mean()
    variance = float(np.sum(centred * centred)) / max(len(sums) - 1, 1)
    if variance <= 1e-12 * max(float(np.sum(sums * sums)), 1e-300):
        return np.zeros_like(sums)
    return np.asarray(centred / sqrt(variance))


def normal_p(deviation: float, tests: int) -> float:
    """The chance of such a deviation by the normal law, for the greatest of so many tests."""
    return min(1.0, tests * erfc(abs(deviation) / sqrt(2.0)))


def permutation_p(sums: PairSums, *, rng: np.random.Generator, least_permutations: int) -> float:
    """The share of permutations in which some pair of columns goes together as far as here.

    Stops early where it is clear that it is nothing (Besag and Clifford, 1991). Never 0.
    """
    observed = float(np.max(np.abs(sums.observed)))
    blocks = sums.matrices.shape[1]
    beaten = done = 0
    while done < least_permutations and beaten < _ENOUGH_BEATEN:
        orders = rng.permuted(np.tile(np.arange(blocks), (BATCH, 1)), axis=1)
        beaten += int(np.sum(sums.permuted_most(orders) >= observed - 1e-9))
        done += BATCH
    return (beaten + 1) / (done + 1)
