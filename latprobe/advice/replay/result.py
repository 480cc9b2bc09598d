"""What a trial showed: agreement of both arms with the recorded answers, tokens and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from latprobe.advice.replay.agreement import Comparison, Schema, Score
from latprobe.advice.replay.change import AsRecorded, Change
from latprobe.advice.replay.endpoint import Endpoint, Failure, Reply
from latprobe.advice.replay.margin import Bounded, fewest_pairs, mean_difference
from latprobe.advice.replay.trial import Outcome, Pair
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.intervals import SEED, Floats, block_draws, interval_of

Verdict = Literal["not worse", "worse", "not shown", "not enough pairs", "cannot tell"]

# A model that agrees with itself less than this cannot show that another prompt does as well.
LEAST_SELF_AGREEMENT = 0.5
_MOST_FIELDS = 40


@dataclass(frozen=True, slots=True)
class Against:
    """The mean of a share (0..1) in both arms, and how much higher it is in the new one.

    `low` and `high` are one-sided 95 % bounds of the difference (`margin.py`).
    """

    old: float
    new: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of both arms, and by how much the new one is lower, with its 95 % interval."""

    old: float
    new: float
    saved: float
    saved_low: float | None
    saved_high: float | None


@dataclass(frozen=True, slots=True)
class FieldAgreement:
    """A field of the answers: the share of requests where it equals the recorded one."""

    path: str
    requests: int
    old: float
    new: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """The trial of one suggestion. Times are ns since the epoch, shares 0..1.

    `pairs` are the requests that both arms answered, of `requests` asked for. `failed` counts
    calls without an answer by reason. `schema` is None for answers that are texts. Tokens and
    `p50_ms` are of one call; None where the server did not say, or without a pair.
    """

    id: str
    rule: str
    title: str
    subject: str
    url: str
    model: str
    recorded_model: str | None
    at_ns: int
    requests: int
    pairs: int
    calls: int
    margin: float
    verdict: Verdict
    agreement: Against | None = None
    schema: Against | None = None
    input_tokens: Measured | None = None
    output_tokens: Measured | None = None
    p50_ms: Measured | None = None
    fields: tuple[FieldAgreement, ...] = ()
    failed: dict[str, int] = field(default_factory=dict)
    cut: int = 0
    stopped: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The documented keys of `latprobe replay --json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Replayed:
        """What `to_json` gave. KeyError, TypeError: it is something else."""
        return cls(
            **{
                **row,
                "agreement": _read(Against, row["agreement"]),
                "schema": _read(Against, row["schema"]),
                "input_tokens": _read(Measured, row["input_tokens"]),
                "output_tokens": _read(Measured, row["output_tokens"]),
                "p50_ms": _read(Measured, row["p50_ms"]),
                "fields": tuple(FieldAgreement(**each) for each in row["fields"]),
                "notes": tuple(row["notes"]),
            }
        )


def judge(
    suggestion: Suggestion,
    endpoint: Endpoint,
    outcome: Outcome,
    *,
    old: AsRecorded,
    new: Change,
    recorded: Sequence[Any],
    requests: int,
    recorded_model: str | None,
    margin: float,
    at_ns: int,
    seed: int = SEED,
) -> Replayed:
    """The verdict on the pairs that both arms answered. `recorded` are the values of all recorded
    answers, from which their schema is learnt."""
    answered = [
        (pair, pair.old, pair.new)
        for pair in outcome.pairs
        if isinstance(pair.old, Reply) and isinstance(pair.new, Reply)
    ]
    comparison = Comparison(Schema.of(recorded) if old.is_json else None)
    scores = [
        (
            comparison.score(old.read(pair.recorded.answer), old.read(before.text)),
            comparison.score(old.read(pair.recorded.answer), new.read(after.text)),
        )
        for pair, before, after in answered
    ]
    agreement = _against(scores, lambda score: score.share, seed)
    schema = _against(scores, lambda score: float(score.is_valid or False), seed)
    replies = [(before, after) for _, before, after in answered]
    return Replayed(
        id=suggestion.id,
        rule=suggestion.rule,
        title=suggestion.title,
        subject=suggestion.subject,
        url=endpoint.shown_url,
        model=endpoint.model,
        recorded_model=recorded_model,
        at_ns=at_ns,
        requests=requests,
        pairs=len(answered),
        calls=outcome.calls,
        margin=margin,
        verdict=_verdict(agreement, schema if old.is_json else None, len(answered), margin),
        agreement=agreement,
        schema=schema if old.is_json else None,
        input_tokens=_measured(replies, lambda reply: reply.input_tokens, np.mean, seed),
        output_tokens=_measured(replies, lambda reply: reply.output_tokens, np.mean, seed),
        p50_ms=_measured(replies, lambda reply: reply.took_ns / 1e6, np.median, seed),
        fields=_fields(scores) if old.is_json else (),
        failed=_failed(outcome.pairs),
        cut=sum(after.is_cut for _, after in replies),
        stopped=outcome.stopped,
        notes=_notes(endpoint, recorded_model, agreement, is_json=old.is_json),
    )


_Scores = Sequence[tuple[Score, Score]]
_Replies = Sequence[tuple[Reply, Reply]]


def _verdict(
    agreement: Against | None, schema: Against | None, pairs: int, margin: float
) -> Verdict:
    """Both have to be within the margin, so that testing two makes no error likelier."""
    if agreement is None or pairs < fewest_pairs(margin):
        return "not enough pairs"
    both = [agreement, *([] if schema is None else [schema])]
    if any(each.high < 0 and each.low <= -margin for each in both):
        return "worse"
    if agreement.old < LEAST_SELF_AGREEMENT:
        return "cannot tell"
    return "not worse" if all(each.low > -margin for each in both) else "not shown"


def _against(scores: _Scores, of: Callable[[Score], float], seed: int) -> Against | None:
    if not scores:
        return None
    old = np.array([of(one) for one, _ in scores])
    new = np.array([of(other) for _, other in scores])
    found: Bounded = mean_difference(list(new - old), seed=seed)
    return Against(float(old.mean()), float(new.mean()), found.value, found.low, found.high)


def _measured(
    replies: _Replies,
    of: Callable[[Reply], float | None],
    statistic: Callable[..., Any],
    seed: int,
) -> Measured | None:
    """The pairs are drawn whole; they were asked in a random order, so each for itself."""
    known = [(of(one), of(other)) for one, other in replies]
    rows = [(one, other) for one, other in known if one is not None and other is not None]
    if not rows:
        return None
    values: Floats = np.array(rows, np.float64)
    old, new = (float(each) for each in statistic(values, axis=0))
    rng = np.random.default_rng(seed)
    drawn = [statistic(values[chosen], axis=0) for chosen in block_draws(len(values), rng=rng)]
    interval = interval_of(np.array([before - after for before, after in drawn]))
    if interval is None or len(rows) < 2:
        return Measured(old, new, old - new, None, None)
    return Measured(old, new, old - new, interval.low, interval.high)


def _fields(scores: _Scores) -> tuple[FieldAgreement, ...]:
    """Each field that was recorded, the one that lost most first."""
    found: dict[str, list[tuple[float, float]]] = {}
    for old, new in scores:
        for path, equal in old.fields.items():
            found.setdefault(path, []).append((equal, new.fields[path]))
    rows = [
        FieldAgreement(
            path or "(whole answer)",
            len(each),
            sum(old for old, _ in each) / len(each),
            sum(new for _, new in each) / len(each),
        )
        for path, each in found.items()
    ]
    rows.sort(key=lambda row: (row.new - row.old, row.path))
    return tuple(rows[:_MOST_FIELDS])


def _failed(pairs: Sequence[Pair]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for pair in pairs:
        for name, reply in (("as recorded", pair.old), ("as suggested", pair.new)):
            if isinstance(reply, Failure):
                counts[f"{name}: the server {reply.reason}"] += 1
    return dict(counts)


def _notes(
    endpoint: Endpoint, recorded_model: str | None, agreement: Against | None, *, is_json: bool
) -> tuple[str, ...]:
    notes = []
    if recorded_model is not None and endpoint.model != recorded_model:
        notes.append(
            f"The answers were recorded from {recorded_model}: what {endpoint.model} answers "
            "otherwise lowers both arms alike."
        )
    if agreement is not None and agreement.old < LEAST_SELF_AGREEMENT:
        notes.append(
            f"Asked again as recorded, the model gives {agreement.old:.0%} of the recorded fields "
            "again: too little to tell by. Record with temperature 0 and a seed."
        )
    if not is_json:
        notes.append(
            "Texts are compared by the numbers, negations, names, keys and code in them, which is "
            "not all that they say: read some."
        )
    return tuple(notes)


def _read(kind: type[Any], row: dict[str, Any] | None) -> Any:
    return None if row is None else kind(**row)
