"""Stages that start late although they need nothing of what ran before."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.saving import predicted, with_saving
from latprobe.advice.sibling_runs import Times, families
from latprobe.advice.stage_words import has_any, word_set, words
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import at_most
from latprobe.analysis.whatif import Parallel, Remove

NAME = "earlier_start"

LEAST_SHARE = 0.03
# So often, and in this share of requests, a stage has to have been the first to start.
FEWEST_SEEN = 5
LEAST_SEEN = 0.05
# A model is loaded and a client made ready from what is known before the request.
READY = word_set("warmup init initialize initialise preload bootstrap pretrained")
_LOADS = word_set("load read open download restore deserialize deserialise")
# What is made once for all requests: "ort.InferenceSession", SQLAlchemy's create_engine.
_MADE = frozenset({("inference", "session"), ("create", "engine")})
LOADED = word_set("model weights tokenizer tokeniser index checkpoint vocabulary lora adapter")
LINK = "https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task"


@dataclass(slots=True)
class _Place:
    """Where a stage stood among its siblings: how often first, how often late, and behind what."""

    early: int = 0
    late: int = 0
    only: int = 0
    behind: Counter[str] = field(default_factory=Counter)


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage with a sign: it has started first, or it makes things ready."""
    for stage, place in sorted(_places(context).items()):
        facts = context.stages[stage]
        # Of the usual request, too: what is slow now and then is a cold start.
        usual_share = facts.stats.p50_ms / max(context.p50_ms, 1e-9)
        if min(facts.critical_share, usual_share) < LEAST_SHARE:
            continue
        runs = place.early + place.late + place.only
        is_seen = place.early >= max(FEWEST_SEEN, LEAST_SEEN * runs) and place.late > runs / 2
        if _makes_ready(stage) and runs >= 0.5 * len(context.sample) and runs >= MIN_REQUESTS:
            yield _keep_ready(context, stage, place)
        elif is_seen:
            yield _start_first(context, stage, place)


def _makes_ready(stage: str) -> bool:
    found = words(stage)
    if has_any(stage, READY) or ("load" in found and has_any(stage, LOADED)):
        return True
    # "faiss.read_index" reads an index; "index.read" may look something up in one.
    return any(
        pair in _MADE or (pair[0] in _LOADS and pair[1] in LOADED) for pair in pairwise(found)
    )


def _places(context: Context) -> dict[str, _Place]:
    sampled, times = context.sampled, Times.of(context.sampled)
    names = [sampled.spans.names[code] for code in sampled.spans.name.tolist()]
    found: dict[str, _Place] = defaultdict(_Place)
    for family in families(sampled):
        often = Counter(names[row] for row in family)
        for place, row in enumerate(family):
            if often[names[row]] > 1:
                continue
            before = [each for each in family[:place] if times.in_turn(each, row)]
            if not before:
                others = any(times.in_turn(row, each) or times.together(row, each)
                             for each in family if each != row)  # fmt: skip
                found[names[row]].early += others
                found[names[row]].only += not others
            # One stage before it is the other rule's business: the two may run in parallel.
            elif len(before) > 1 or _makes_ready(names[row]):
                found[names[row]].late += 1
                found[names[row]].behind[names[before[0]]] += 1
            else:
                found[names[row]].only += 1
    return found


def _start_first(context: Context, stage: str, place: _Place) -> Suggestion:
    first, often = place.behind.most_common(1)[0]
    title = f"Start {stage} with the request, beside {first}: it has done without what runs before"
    evidence = (
        Evidence("Started after others", place.late, "times"),
        Evidence("Started first", place.early, "times"),
        Evidence(f"Behind {first}", often, "times"),
    )
    change = Parallel(first, stage)
    saving = predicted(context, change)
    made = Suggestion(
        rule=NAME,
        subject=stage,
        title=title,
        evidence=evidence,
        how="Start it as a task before the other stages (`asyncio.create_task`, "
        "`executor.submit`) and await it where its result is used.\nIf it is not always needed, "
        "start it on suspicion and drop the result.",
        verify="`latprobe show latest` draws it from the start of the request on.",
        effort="low",
        link=LINK,
        stage=stage,
        preconditions=(
            f"It needs only the request's input; in {place.early} requests it began before the "
            "stages that it waits for elsewhere.",
        ),
        changes=(change,),
        claims=frozenset({("stage_time", stage)}),
    )
    return with_saving(made, saving)


def _keep_ready(context: Context, stage: str, place: _Place) -> Suggestion:
    facts = context.stages[stage]
    title = f"Do {stage} once, before requests come: each of them waits for it"
    change = Remove(stage)
    saving = at_most(context, change)
    evidence = (
        Evidence("Runs", round(facts.per_request, 2), "a request"),
        Evidence("p50", round(facts.stats.p50_ms, 1), "ms"),
    )
    made = Suggestion(
        rule=NAME,
        subject=stage,
        title=title,
        evidence=evidence,
        how="Do it when the process starts and keep the result in a module or on the app's state."
        "\nIf it has to be made for each request, start it first and await it where it is used.",
        verify=f"`latprobe report`: {stage} is gone from the requests.",
        effort="low",
        link=LINK,
        stage=stage,
        preconditions=("What it makes ready does not depend on the request.",),
        changes=(change,),
        claims=frozenset({("stage_time", stage)}),
    )
    return with_saving(made, saving)
