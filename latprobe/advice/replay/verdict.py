"""Whether the new arm's answers are as good, by the scores of both arms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from latprobe.advice.replay.agreement import ABSENT, Comparison, Score
from latprobe.advice.replay.change import AsRecorded, Change
from latprobe.advice.replay.endpoint import Failure, Reply
from latprobe.advice.replay.margin import fewest_pairs, mean_difference
from latprobe.advice.replay.trial import Pair
from latprobe.analysis.intervals import SEED

Verdict = Literal["not worse", "worse", "not shown", "not enough pairs", "cannot tell"]
ScorePair = tuple[Score, Score]

# A model that agrees with itself less than this cannot show that another prompt does as well.
LEAST_SELF_AGREEMENT = 0.5


@dataclass(frozen=True, slots=True)
class Against:
    """The mean of a share (0..1) in both arms, and how much higher it is in the new one.

    `low` is the one-sided 95 % bound of the difference, `high` too; where agreement and schema
    are both tested, `high` is that of 97.5 % (`margin.py`).
    """

    old: float
    new: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of the old and the new arm: of requests that both answered, and that one alone did.

    A call that failed has no field of the answer and not its schema.
    """

    both: tuple[ScorePair, ...]
    alone: tuple[ScorePair, ...]
    has_schema: bool

    @classmethod
    def of(
        cls, pairs: Sequence[Pair], comparison: Comparison, old: AsRecorded, new: Change
    ) -> Scored:
        """Requests that failed in both arms, or were asked of one only, tell nothing of either."""
        both: list[ScorePair] = []
        alone: list[ScorePair] = []
        for pair in pairs:
            if pair.old is None or pair.new is None:
                continue
            answers = [
                arm.read(reply.text) if isinstance(reply, Reply) else ABSENT
                for arm, reply in ((old, pair.old), (new, pair.new))
            ]
            failures = isinstance(pair.old, Failure) + isinstance(pair.new, Failure)
            recorded = old.read(pair.recorded.answer)
            before, after = (comparison.score(recorded, answer) for answer in answers)
            if failures < 2:
                (alone if failures else both).append((before, after))
        return cls(tuple(both), tuple(alone), comparison.schema is not None)

    def agreement(self, *, seed: int = SEED) -> Against | None:
        """Of the fields; None without a request."""
        return self._against((*self.both, *self.alone), _share, seed)

    def schema(self, *, seed: int = SEED) -> Against | None:
        """Of the answers that have it; None without a request, and for texts."""
        if not self.has_schema:
            return None
        return self._against((*self.both, *self.alone), _validity, seed)

    def verdict(
        self, margin: float, agreement: Against | None, schema: Against | None, *, seed: int = SEED
    ) -> Verdict:
        """By the agreement and schema of these scores.

        Not worse: agreement and schema are within the margin, so testing two makes no error
        likelier; and so they are without the requests that one arm alone answered, lest failures
        of the old one make up for what the new one loses.
        """
        if len(self.both) < fewest_pairs(margin):
            return "not enough pairs"
        found = _known(agreement, schema)
        if any(each.high < 0 and each.low <= -margin for each in found):
            return "worse"
        if self.self_agreement < LEAST_SELF_AGREEMENT:
            return "cannot tell"
        if self.alone:
            answered = Scored(self.both, (), self.has_schema)
            found += _known(answered.agreement(seed=seed), answered.schema(seed=seed))
        return "not worse" if all(each.low > -margin for each in found) else "not shown"

    @property
    def self_agreement(self) -> float:
        """Of the recorded prompt's answers with the recorded ones, where both arms answered."""
        shares = [old.share for old, _ in self.both]
        return sum(shares) / len(shares) if shares else 0.0

    def _against(
        self, scores: Sequence[ScorePair], of: Callable[[Score], float], seed: int
    ) -> Against | None:
        if not scores:
            return None
        old = np.array([of(one) for one, _ in scores])
        new = np.array([of(other) for _, other in scores])
        tests = 2 if self.has_schema else 1
        found = mean_difference(list(new - old), tests=tests, seed=seed)
        return Against(float(old.mean()), float(new.mean()), found.value, found.low, found.high)


def _known(*found: Against | None) -> list[Against]:
    return [each for each in found if each is not None]


def _share(score: Score) -> float:
    return score.share


def _validity(score: Score) -> float:
    return float(score.is_valid or False)
