"""What a trial showed: agreement of both arms with the recorded answers, tokens and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from latprobe.advice.replay.agreement import Comparison, Schema
from latprobe.advice.replay.change import AsRecorded, Change
from latprobe.advice.replay.endpoint import Endpoint, Failure, Reply
from latprobe.advice.replay.trial import Outcome, Pair
from latprobe.advice.replay.verdict import (
    LEAST_SELF_AGREEMENT,
    Against,
    Scored,
    ScorePair,
    Verdict,
)
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.intervals import SEED, Floats, block_draws, interval_of

__all__ = ["Against", "FieldAgreement", "Measured", "Replayed", "Verdict", "judge"]

_MOST_FIELDS = 40


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
    calls without an answer by reason; one of a single arm counts in `agreement` and `schema` as an
    answer without any field. `schema` is None for answers that are texts. Tokens and `p50_ms` are
    of one call, of both arms' answers; None where the server did not say, or without a pair.
    `billed_*` are the tokens of all calls that came back, failed ones too, as far as the server
    said; None where it never did.
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
    billed_input_tokens: int | None = None
    billed_output_tokens: int | None = None
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
    """The verdict on what both arms, or one of them, answered.

    `recorded` are the values of all recorded answers, from which their schema is learnt.
    """
    answered = [
        (pair.old, pair.new)
        for pair in outcome.pairs
        if isinstance(pair.old, Reply) and isinstance(pair.new, Reply)
    ]
    comparison = Comparison(Schema.of(recorded) if old.is_json else None)
    scored = Scored.of(outcome.pairs, comparison, old, new)
    agreement, schema = scored.agreement(seed=seed), scored.schema(seed=seed)
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
        verdict=scored.verdict(margin, agreement, schema, seed=seed),
        agreement=agreement,
        schema=schema,
        input_tokens=_measured(answered, lambda reply: reply.input_tokens, np.mean, seed),
        output_tokens=_measured(answered, lambda reply: reply.output_tokens, np.mean, seed),
        p50_ms=_measured(answered, lambda reply: reply.took_ns / 1e6, np.median, seed),
        fields=_fields(scored.both) if old.is_json else (),
        failed=_failed(outcome.pairs),
        cut=sum(after.is_cut for _, after in answered),
        billed_input_tokens=_billed(outcome.pairs, lambda reply: reply.input_tokens),
        billed_output_tokens=_billed(outcome.pairs, lambda reply: reply.output_tokens),
        stopped=outcome.stopped,
        notes=_notes(endpoint, recorded_model, scored),
    )


_Replies = Sequence[tuple[Reply, Reply]]


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


def _fields(scores: Sequence[ScorePair]) -> tuple[FieldAgreement, ...]:
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


def _billed(pairs: Sequence[Pair], of: Callable[[Reply | Failure], int | None]) -> int | None:
    replies = [reply for pair in pairs for reply in (pair.old, pair.new) if reply is not None]
    known = [tokens for reply in replies if (tokens := of(reply)) is not None]
    return sum(known) if known else None


def _notes(endpoint: Endpoint, recorded_model: str | None, scored: Scored) -> tuple[str, ...]:
    notes = []
    if recorded_model is not None and endpoint.model != recorded_model:
        notes.append(
            f"The answers were recorded from {recorded_model}: what {endpoint.model} answers "
            "otherwise lowers both arms alike."
        )
    if scored.both and scored.self_agreement < LEAST_SELF_AGREEMENT:
        notes.append(
            f"Asked again as recorded, the model gives {scored.self_agreement:.0%} of the recorded "
            "fields again: too little to tell by. Record with temperature 0 and a seed."
        )
    if scored.alone:
        notes.append(
            f"{len(scored.alone)} requests failed in one arm alone: there they count as an answer "
            "without any field, and what both arms answered must be within the margin too."
        )
    if not scored.has_schema:
        notes.append(
            "Texts are compared by their words and by the numbers, negations, names, keys and code "
            "in them, not by what they mean: read some."
        )
    return tuple(notes)


def _read(kind: type[Any], row: dict[str, Any] | None) -> Any:
    return None if row is None else kind(**row)
