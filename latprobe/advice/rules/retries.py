"""Calls that fail and are made again, and the time that goes with the first attempts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.loops import critical_below
from latprobe.advice.sibling_runs import families
from latprobe.advice.span_attributes import number
from latprobe.advice.stage_words import has_any, word_set
from latprobe.advice.suggestion import Evidence, Suggestion, not_enough
from latprobe.advice.time_off import sampled_time_off
from latprobe.analysis.refusal import Refusal

NAME = "retries"

# A failure in a hundred calls is the weather; and of fewer attempts nothing can be said.
LEAST_SHARE = 0.01
FEWEST = 10
SUSPECT = 4
# Attempts that all end at the same time ran into a limit, not into an answer.
TIMEOUT_SPREAD = 0.05
# As OpenTelemetry's HTTP conventions call it, and called it before 1.23.
HTTP_STATUS = ("http.response.status_code", "http.status_code")
# A pause that is a stage of its own.
PAUSES = word_set("backoff sleep wait pause delay retry retrying cooldown throttle")


@dataclass(slots=True)
class _Attempts:
    """Failed attempts of a stage with another after it, as sampled rows, and pauses before that."""

    rows: list[int] = field(default_factory=list)
    pause_ns: dict[int, int] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage that is tried again."""
    runs = Counter(context.sampled.spans.name.tolist())
    for stage, attempts in sorted(_attempts(context).items()):
        count = len(attempts.rows)
        share = count / max(runs[context.sampled.spans.names.index(stage)], 1)
        if share < LEAST_SHARE or count < SUSPECT:
            continue
        if count < FEWEST:
            yield not_enough(
                rule=NAME,
                subject=stage,
                title=f"Keep {stage} from failing the first time",
                refusal=Refusal(
                    f"{count} attempts failed and were made again; record {FEWEST} to see what "
                    "they cost."
                ),
                stage=stage,
            )
        elif len(context.sample) >= MIN_REQUESTS:
            yield _suggestion(context, stage, attempts, share)


def _attempts(context: Context) -> dict[str, _Attempts]:
    sampled = context.sampled
    spans = sampled.spans
    failed = [status == "error" for status in sampled.column("status")]
    kinds = sampled.column("error_type")
    statuses = number(sampled, HTTP_STATUS)
    found: dict[str, _Attempts] = defaultdict(_Attempts)
    for family in families(sampled):
        calls = [row for row in family if not has_any(spans.names[spans.name[row]], PAUSES)]
        for row, after in pairwise(calls):
            is_again = spans.name[row] == spans.name[after]
            if failed[row] and is_again and spans.start_ns[after] >= spans.end_ns[row]:
                attempts = found[spans.names[spans.name[row]]]
                attempts.rows.append(row)
                attempts.pause_ns[row] = int(spans.start_ns[after] - spans.end_ns[row])
                status = statuses.get(row)
                said = f"HTTP {status:.0f}" if status else "error"
                attempts.errors[str(kinds[row] or said)] += 1
    return found


def _suggestion(context: Context, stage: str, attempts: _Attempts, share: float) -> Suggestion:
    spans = context.sampled.spans
    critical = critical_below(context)
    saved = np.zeros(len(spans))
    for row in attempts.rows:
        saved[row] = critical[row] + (attempts.pause_ns[row] if critical[row] > 0 else 0)
    took = spans.duration_ns[attempts.rows] / 1e6
    pause_ms = float(np.mean(list(attempts.pause_ns.values()))) / 1e6
    limit_ms = float(np.median(took))
    is_timeout = float(np.quantile(took, 0.9) - np.quantile(took, 0.1)) < TIMEOUT_SPREAD * limit_ms
    error, often = attempts.errors.most_common(1)[0]
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Keep {stage} from failing the first time: {share:.1%} of its attempts are made "
        "again",
        evidence=(
            Evidence("Failed attempts with another after them", len(attempts.rows)),
            *_calls(context, attempts),
            Evidence("Most frequent error", error, f"({often} times)"),
            Evidence("A failed attempt takes", round(limit_ms, 1), "ms"),
            Evidence("Pause before the next", round(pause_ms, 1), "ms"),
        ),
        how=_how(stage, is_timeout=is_timeout, limit_ms=limit_ms, context=context),
        verify="`latprobe report`: no errors in that stage, and p95 shorter by the lost attempts.",
        effort="medium",
        saving=sampled_time_off(context, saved, basis="bound"),
        link="https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/",
        stage=stage,
        preconditions=("What fails can be kept from failing; the saving is that of no failure.",),
        claims=frozenset({("stage_time", stage), ("failures", stage)}),
    )


def _calls(context: Context, attempts: _Attempts) -> tuple[Evidence, ...]:
    """Which calls the attempts carry; nothing where they are calls themselves."""
    spans, owner = context.sampled.spans, context.sampled.tree.owner
    found = Counter(
        spans.names[spans.name[owner[row]]] for row in attempts.rows if owner[row] != row
    )
    names = ", ".join(f"{name} ({often} times)" for name, often in found.most_common(3))
    return (Evidence("Calls that make them", names),) if names else ()


def _how(stage: str, *, is_timeout: bool, limit_ms: float, context: Context) -> str:
    if not is_timeout:
        return (
            "Remove the cause of the error named above (rate limit: keep calls below it with a "
            "token bucket; bad input: check it first).\nRetry with a short, random pause, and "
            "give up early where no retry helps."
        )
    good_ms = context.stages[stage].stats.p95_ms
    return (
        f"Attempts end at {limit_ms:.0f} ms: a timeout. Set it just over what good answers take "
        f"(p95 of all attempts: {good_ms:.0f} ms), so that the next one starts earlier.\n"
        "Or send a second one when the first is late (a hedged request) and take the first answer."
    )
