"""What advice is made of: one suggestion, with its evidence and what it would save."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from latprobe.analysis.refusal import Refusal
from latprobe.analysis.whatif import Change

Verdict = Literal["do", "not enough data", "don't"]
Effort = Literal["low", "medium", "high"]
# How sure a saving is, the surest first: the recorded requests were replayed; a fitted model says
# so; it is at most that much.
Basis = Literal["replay", "latency_model", "queue", "simulation", "bound"]
Meaning = Literal["lossless", "near", "lossy"]
# What a saving is taken from: two suggestions with a claim in common do not add up.
Claim = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One figure that the suggestion rests on, as a reader sees it."""

    what: str
    value: float | int | str | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Gain:
    """How much less of something, with its 95 % interval; `low` and `high` None: not known.

    They hold what differs from run to run besides. `least` does not: it is what the change takes
    off the same requests, 97.5 times in 100 more than that. None: not known.
    """

    value: float
    low: float | None = None
    high: float | None = None
    least: float | None = None


@dataclass(frozen=True, slots=True)
class Saving:
    """What the change saves; None is not known, and 0 is "nothing".

    `p50_ms` and `p95_ms` are off a request's latency. Tokens are a request's, on average, and cost
    is of 1,000 requests after prompt caching. `tokens_estimated` where they were not counted
    exactly.
    """

    basis: Basis
    p50_ms: Gain | None = None
    p95_ms: Gain | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    cost_usd_per_1000: Gain | None = None
    tokens_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """A recorded text beside what it would become. `check` says how the meaning was verified."""

    before: str
    after: str
    before_tokens: int | None
    after_tokens: int | None
    meaning: Meaning
    check: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One change to the pipeline.

    `subject` is the stage, template or model that it is about, and `title` the change in one
    sentence. `how` are at most two lines, `link` says more, `verify` is what shows that it worked.
    `changes` are what the saving was predicted from, to predict several suggestions together.
    `reason` says why the verdict is "not enough data" or "don't"; None where it is "do".
    """

    rule: str
    subject: str
    title: str
    evidence: tuple[Evidence, ...]
    how: str
    verify: str
    effort: Effort
    saving: Saving | None = None
    verdict: Verdict = "do"
    reason: str | None = None
    link: str | None = None
    stage: str | None = None
    preconditions: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    claims: frozenset[Claim] = frozenset()
    sample: Sample | None = None

    @property
    def id(self) -> str:
        """Eight digits that stay the same as long as rule and subject do."""
        return hashlib.blake2b(f"{self.rule}\0{self.subject}".encode(), digest_size=4).hexdigest()

    def to_json(self) -> dict[str, object]:
        """The documented keys of one row of `latprobe advise --json`."""
        row = asdict(self)
        row["claims"] = sorted(f"{kind}:{name}" for kind, name in self.claims)
        row["changes"] = [{"change": type(each).__name__, **asdict(each)} for each in self.changes]
        return {"id": self.id, **row}


def not_enough(
    *,
    rule: str,
    subject: str,
    title: str,
    refusal: Refusal,
    evidence: Sequence[Evidence] = (),
    stage: str | None = None,
) -> Suggestion:
    """A suspicion that the recorded requests cannot confirm, and what they lack."""
    return Suggestion(
        rule=rule,
        subject=subject,
        title=title,
        evidence=tuple(evidence),
        how="",
        verify="",
        effort="low",
        verdict="not enough data",
        reason=refusal.reason,
        stage=stage,
    )
