"""The chunks that speak of a question: hashed n-gram vectors and BM25, half and half.

BM25 finds the rare words of the question; the character n-grams still match where OCR has
misread a letter of one.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

DIMENSIONS = 1024
TOP_K = 3

_NGRAM_LENGTHS = (3, 4, 5)
_BM25_K1 = 1.5
_BM25_B = 0.75
"""The usual constants of Robertson and Zaragoza, "The Probabilistic Relevance Framework"."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk, its place among the chunks, and its score from 0 to 1."""

    chunk: str
    position: int
    score: float


def embed(texts: Sequence[str]) -> Vectors:
    """A row of unit length for each text; CRC-32, since `hash` differs from run to run."""
    vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(texts):
        for ngram, count in Counter(_ngrams(text)).items():
            vectors[row, zlib.crc32(ngram.encode()) % DIMENSIONS] += 1 + math.log(count)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, 1e-9)
    return unit


def search(
    question: str,
    *,
    chunks: Sequence[str],
    chunk_vectors: Vectors,
    question_vector: Vectors,
    top_k: int = TOP_K,
) -> tuple[Hit, ...]:
    """The best chunks, best first; fewer than `top_k` when there are fewer chunks."""
    if not chunks:
        return ()
    scores = (_to_one(chunk_vectors @ question_vector[0]) + _to_one(_bm25(question, chunks))) / 2
    best = np.argsort(-scores, kind="stable")[:top_k]
    return tuple(Hit(chunks[i], int(i), float(scores[i])) for i in best)


def _ngrams(text: str) -> list[str]:
    spaced = f" {' '.join(_words(text))} "
    return [spaced[i : i + n] for n in _NGRAM_LENGTHS for i in range(len(spaced) - n + 1)]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _to_one(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return scores / max(float(scores.max()), 1e-9)


def _bm25(question: str, chunks: Sequence[str]) -> NDArray[np.float32]:
    counts = [Counter(_words(chunk)) for chunk in chunks]
    lengths = np.array([count.total() for count in counts], dtype=np.float32)
    norms = _BM25_K1 * (1 - _BM25_B + _BM25_B * lengths / max(float(lengths.mean()), 1.0))
    scores = np.zeros(len(chunks), dtype=np.float32)
    for word in set(_words(question)):
        found = np.array([count[word] for count in counts], dtype=np.float32)
        with_word = int(np.count_nonzero(found))
        weight = math.log(1 + (len(chunks) - with_word + 0.5) / (with_word + 0.5))
        scores += weight * found * (_BM25_K1 + 1) / (found + norms)
    return scores
