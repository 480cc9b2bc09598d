"""What may be changed in a pipeline, and asked about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """The stage, with everything below it, takes `factor` times as long."""

    stage: str
    factor: float


@dataclass(frozen=True, slots=True)
class Remove:
    """The stage, with everything below it, takes no time. Its caller's own work stays."""

    stage: str


@dataclass(frozen=True, slots=True)
class Parallel:
    """The two stages start together, when the earlier of them did; what came after waits for both.

    Both have to be called by the same stage. Nothing is changed where they ran together already.
    """

    stage: str
    other: str


@dataclass(frozen=True, slots=True)
class CacheHit:
    """Each call of the stage is free with the probability `ratio`, by a draw of its own."""

    stage: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """The stage's model calls take in and give so many times as many tokens; `output_limit`: at
    most so many come out."""

    stage: str
    input_factor: float = 1.0
    output_factor: float = 1.0
    output_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Replicas:
    """The stage runs on `count` workers, over all requests."""

    stage: str
    count: int


@dataclass(frozen=True, slots=True)
class Concurrency:
    """At most `count` requests are worked on at once; the others wait for a place."""

    count: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The items that one caller sends to the stage, call after call, go `size` at once."""

    stage: str
    size: int


Change = Scale | Remove | Parallel | CacheHit | Tokens | Replicas | Concurrency | Batch
