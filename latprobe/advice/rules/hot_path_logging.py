"""Logging, telemetry and serialising that requests wait for."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import Context
from latprobe.advice.saving import with_saving
from latprobe.advice.stage_words import has_any, word_set, words
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import at_most
from latprobe.analysis.whatif import Remove

NAME = "hot_path_logging"

# Less of the latency than this is what an honest log line costs.
LEAST_SHARE = 0.02

# Words of stages whose result nobody in the request needs.
ASIDE = word_set(
    "log logs logger logging telemetry audit analytics metrics metric statsd tracing "
    "mlflow wandb langfuse langsmith sentry"
)
# Things that are written, and looked up as well: "archive" at the beginning is a verb, in
# "lookup.archive" it is a place.
_KEPT = word_set("archive backup trace track tracking")
_VERBS = word_set("archive backup")
# Events that are noted are for statistics; those that are sent or published may be what the
# request is for.
_EVENTS = word_set("event events")
_NOTING = word_set("track log record write append store save")
_WRITING = word_set(
    "write append save store record push put send flush emit publish insert add log post upload "
    "export"
)
# A message on the wire that has to be built; only made faster.
SERIAL = word_set("serialize serialise serialization serialisation serializer dumps pickle jsonify")
# "trace.back" asks for a trace, "event.parse" works on one: not writing.
_WORK = word_set(
    "parse read load fetch query search detect classify extract back backs analyse analyze "
    "retrieve summarize summarise answer filter llm chat model embed lookup get find list open "
    "browse scan select match rank score download restore check count"
)


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each such stage on the critical path."""
    for stage, facts in context.stages.items():
        is_aside = _is_aside(stage)
        is_serial = has_any(stage, SERIAL) or words(stage)[-2:] == ("json", "dump")
        if facts.critical_share < LEAST_SHARE or facts.stats.input_tokens:
            continue
        if is_aside or is_serial:
            yield _suggestion(context, stage, is_aside=is_aside)


def _is_aside(stage: str) -> bool:
    """Whether its name says that it writes what nobody in the request reads."""
    if has_any(stage, _WORK):
        return False
    if has_any(stage, ASIDE):
        return True
    if has_any(stage, _EVENTS):
        return has_any(stage, _NOTING)
    return has_any(stage, _KEPT) and (words(stage)[0] in _VERBS or has_any(stage, _WRITING))


def _suggestion(context: Context, stage: str, *, is_aside: bool) -> Suggestion:
    facts = context.stages[stage]
    title = (
        f"Take {stage} off the request's path: nobody waits for what it writes"
        if is_aside
        else f"Make {stage} cheaper, or do it after the answer is sent"
    )
    evidence = (
        Evidence("Share of the requests' latency", round(100 * facts.critical_share, 1), "%"),
        Evidence("p50", round(facts.stats.p50_ms, 2), "ms"),
        Evidence("Runs", round(facts.per_request, 1), "a request"),
    )
    change = Remove(stage)
    saving = at_most(context, change)
    made = Suggestion(
        rule=NAME,
        subject=stage,
        title=title,
        evidence=evidence,
        how=_ASIDE_HOW if is_aside else _SERIAL_HOW,
        verify=f"`latprobe report`: the critical share of {stage} falls to nothing.",
        effort="low",
        link=_ASIDE_LINK if is_aside else "https://github.com/ijl/orjson",
        stage=stage,
        preconditions=(
            "Nothing in the request reads what it writes, and a line lost in a crash is bearable."
            if is_aside
            else "The reader on the other side understands the faster format.",
        ),
        changes=(change,),
        claims=frozenset({("stage_time", stage)}),
    )
    return with_saving(made, saving)


_ASIDE_HOW = (
    "Hand the record to a queue and let another thread write it (logging.handlers.QueueHandler "
    "and QueueListener), in batches.\nOr do it after the answer is sent (a background task)."
)
_ASIDE_LINK = "https://docs.python.org/3/library/logging.handlers.html#queuehandler"
_SERIAL_HOW = (
    "Use a compiled serialiser (orjson, msgspec) and do not serialise the same object twice.\n"
    "Send less: bytes and arrays as they are, not as text."
)
