"""The same call several times within one request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.saving import with_tokens
from latprobe.advice.span_attributes import attribute, inputs
from latprobe.advice.stage_words import has_any, word_set
from latprobe.advice.suggestion import Evidence, Gain, Suggestion
from latprobe.advice.time_off import sampled_time_off, saved_on_path
from latprobe.analysis.counted_calls import PARTS, calls_sql
from latprobe.analysis.whatif import CacheHit

NAME = "repeated_calls"

# A stage repeats itself where one call in twenty was made before in its request.
LEAST_SHARE = 0.05
RESULTS = (
    "gen_ai.tool.call.result",
    "gen_ai.tool.output",
    "tool_response",
    "output.value",
    "traceloop.entity.output",
)
# These ask again because the answer changes.
POLLS = word_set("poll status progress wait refresh heartbeat")
# Asked again with other answers is sampling on purpose.
LEAST_SAME = 0.5

_REPEATED = """
, keyed AS (
    SELECT trace_id, span_id,
           hash(list(hash(part, hash) ORDER BY position) FILTER (side = 'input')) AS key,
           hash(list(hash ORDER BY position) FILTER (side = 'output')) AS answer
    FROM parts GROUP BY ALL HAVING count(*) FILTER (side = 'input' AND hash IS NULL) = 0
       AND count(*) FILTER (side = 'input') > 0
), placed AS (
    SELECT c.trace_id, c.span_id, c.stage, c.input_tokens, c.output_tokens, c.cost_usd,
           row_number() OVER same AS place, answer = first_value(answer) OVER same AS is_same
    FROM calls c JOIN keyed k USING (trace_id, span_id)
    WINDOW same AS (PARTITION BY c.trace_id, c.stage, c.model, k.key ORDER BY c.start_ns, c.span_id)
)
SELECT replace(trace_id::VARCHAR, '-', '') AS trace_id, span_id, stage, input_tokens,
       output_tokens, cost_usd, is_same
FROM placed WHERE place > 1
"""


@dataclass(slots=True)
class _Repeats:
    """Repeated calls of a stage over all requests (model calls) or the sample (`is_sampled`)."""

    calls: int = 0
    same: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    is_sampled: bool = False


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage that repeats itself, from hashes alone."""
    found: dict[str, _Repeats] = defaultdict(_Repeats)
    spans = _model_calls(context, found) | _named_inputs(context, found)
    rows = _rows(context, spans)
    for stage, repeats in sorted(found.items()):
        if stage not in context.stages or repeats.same < LEAST_SAME * repeats.calls:
            continue
        requests = len(context.sample if repeats.is_sampled else context.requests)
        share = repeats.calls / max(context.stages[stage].per_request * requests, 1)
        if share >= LEAST_SHARE and repeats.calls >= MIN_REQUESTS:
            yield _suggestion(context, stage, repeats, rows, share, requests)


def _model_calls(context: Context, found: dict[str, _Repeats]) -> set[tuple[str, int]]:
    before, parameters = calls_sql(context.scope)
    failed = _failed(context)
    spans = set()
    for row in context.query(f"{before} {PARTS} {_REPEATED}", parameters).to_pylist():
        if (row["trace_id"], row["span_id"]) in failed:
            continue
        repeats = found[row["stage"]]
        repeats.calls += 1
        repeats.same += row["is_same"] is not False
        repeats.input_tokens += row["input_tokens"] or 0
        repeats.output_tokens += row["output_tokens"] or 0
        repeats.cost_usd += row["cost_usd"] or 0.0
        spans.add((row["trace_id"], row["span_id"]))
    return spans


def _failed(context: Context) -> set[tuple[str, int]]:
    """Calls after a failed one of the same request are retries; the rule for those counts them."""
    where, parameters = context.scope.where()
    table = context.query(
        f"""SELECT replace(o.trace_id::VARCHAR, '-', '') AS trace_id, o.span_id
        FROM spans s JOIN spans o ON o.trace_id = s.trace_id AND o.name = s.name
             AND o.start_ns >= s.start_ns AND o.span_id <> s.span_id
        WHERE s.status = 'error' AND {where}""",
        parameters,
    )
    return set(zip(table["trace_id"].to_pylist(), table["span_id"].to_pylist(), strict=True))


def _named_inputs(context: Context, found: dict[str, _Repeats]) -> set[tuple[str, int]]:
    """Stages that name their input in an attribute, over the sample."""
    sampled = context.sampled
    named = inputs(sampled)
    status = sampled.column("status")
    results = attribute(sampled, RESULTS)
    seen: dict[tuple[int, str, str], object] = {}
    spans = set()
    known = set(found)
    for row, value in sorted(named.items()):
        stage = sampled.spans.names[sampled.spans.name[row]]
        if stage in known or status[row] == "error" or has_any(stage, POLLS):
            continue
        key = int(sampled.spans.trace[row]), stage, value
        if key in seen:
            repeats = found[stage]
            repeats.calls += 1
            repeats.same += results.get(row) == seen[key]
            repeats.is_sampled = True
            spans.add((_trace_id(context, row), int(sampled.spans.span_id[row])))
        seen.setdefault(key, results.get(row))
    return spans


def _trace_id(context: Context, row: int) -> str:
    return context.sample.trace_id[int(context.sampled.spans.trace[row])].replace("-", "")


def _rows(context: Context, wanted: set[tuple[str, int]]) -> list[int]:
    """The sampled rows of these spans."""
    if not wanted:
        return []
    ids = [trace.replace("-", "") for trace in context.sample.trace_id]
    spans = context.sampled.spans
    places = zip(spans.trace.tolist(), spans.span_id.tolist(), strict=True)
    return [row for row, (trace, span) in enumerate(places) if (ids[trace], span) in wanted]


def _suggestion(
    context: Context,
    stage: str,
    repeats: _Repeats,
    rows: list[int],
    share: float,
    requests: int,
) -> Suggestion:
    spans = context.sampled.spans
    own = [row for row in rows if spans.names[spans.name[row]] == stage]
    saved = saved_on_path(context, own)
    usd = repeats.cost_usd / requests
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Call {stage} once for the same input: {share:.0%} of its calls repeat one of "
        "their own request",
        evidence=(
            Evidence("Repeated calls", repeats.calls, f"in {requests} requests"),
            Evidence("Share of the stage's calls", round(100 * share, 1), "%"),
        ),
        how="Keep the result for the length of a request (a dict on the request's context, "
        "functools.cache on an object of its own) and pass it on.\nTwo that run at once can wait "
        "for one task.",
        verify=f"`latprobe report`: {stage} runs {share:.0%} less often; the rule is silent then.",
        effort="low",
        saving=with_tokens(
            sampled_time_off(context, saved, basis="replay"),
            input_tokens=repeats.input_tokens / requests,
            output_tokens=repeats.output_tokens / requests,
            cost_usd_per_1000=Gain(1000 * usd) if usd else None,
        ),
        link="https://docs.python.org/3/library/functools.html#functools.cache",
        stage=stage,
        preconditions=("The call is made for its answer, not for an effect.",),
        changes=(CacheHit(stage, min(share, 1.0)),),
        claims=frozenset({("stage_time", stage), ("calls", stage)}),
    )
