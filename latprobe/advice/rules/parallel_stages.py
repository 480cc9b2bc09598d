"""Stages that run one after another although neither needs the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from latprobe.advice.context import Context
from latprobe.advice.loops import Loop, factor_at_once, find_loops, saved_at_once
from latprobe.advice.pairs_in_turn import Link, find_links
from latprobe.advice.saving import predicted, with_saving
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import sampled_time_off
from latprobe.analysis.load.batch_effect import BatchEffect
from latprobe.analysis.verdict import certain_verdict
from latprobe.analysis.whatif import Parallel, Scale

NAME = "parallel_stages"

# Fewer pairs could be chance. A stage below this share of latency is not worth two threads; what
# gains less than is worth suggesting is listed apart, so this leaves that to the ranking.
FEWEST_PAIRS = 20
LEAST_SHARE = 0.005
# Shorter calls than this are better made one (small_calls) than given a thread each.
SHORT_CALL_MS = 20.0
LINK = "https://docs.python.org/3/library/asyncio-task.html#running-tasks-concurrently"


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each chain of stages that a positive sign says are independent."""
    for chain in _chains(find_links(context.sampled)):
        names = [chain[0].first, *(link.second for link in chain)]
        shares = [context.stages[name].critical_share for name in names]
        if sum(share >= LEAST_SHARE for share in shares) < 2:
            continue
        yield _suggestion(context, chain, names)
    for loop in find_loops(context):
        if loop.call_ms >= SHORT_CALL_MS and not _takes_batches(context, loop.stage):
            yield _at_once(context, loop)


def _takes_batches(context: Context, stage: str) -> bool:
    """Whether it is a model that takes several inputs at once: its device does one run at a time,
    and larger batches are the cure."""
    return any(
        each.name == stage and isinstance(each.batch, BatchEffect) for each in context.load.stages
    )


def _at_once(context: Context, loop: Loop) -> Suggestion:
    """The calls of a loop over items, all at once."""
    stage = loop.stage
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Run the {loop.usual_calls} calls of {stage} in a request at the same time",
        evidence=(
            Evidence("Calls one after another", loop.usual_calls, "a request"),
            Evidence("Most in a request", loop.most_calls, "calls"),
            Evidence("A call takes", round(loop.call_ms, 1), "ms"),
        ),
        how="Replace the loop by `await asyncio.gather(*(call(item) for item in items))`, or by "
        "`executor.map(call, items)`.\nBound how many run at once by what the other side takes.",
        verify="`latprobe show latest` draws the calls side by side, and the request as long as "
        "its longest call.",
        effort="low",
        saving=sampled_time_off(context, saved_at_once(context, loop), basis="replay"),
        link=LINK,
        stage=stage,
        preconditions=(
            "No call needs the result of the one before: they look like a loop over items, your "
            "code decides.",
            "The other side takes all of them at once without becoming slower.",
        ),
        changes=(Scale(stage, factor_at_once(context, loop)),),
        claims=frozenset({("stage_time", stage)}),
    )


def _chains(links: Iterable[Link]) -> Iterator[list[Link]]:
    """Links end to end; each stage is in one chain, those with most pairs first."""
    ordered = sorted(links, key=lambda link: (-link.pairs, link.first, link.second))
    following: dict[str, Link] = {}
    before: dict[str, str] = {}
    for link in ordered:
        is_free = link.first not in following and link.second not in before
        if is_free and _head(before, link.first) != link.second:
            following[link.first] = link
            before[link.second] = link.first
    for name in following:
        if name not in before:
            chain = [following[name]]
            while chain[-1].second in following:
                chain.append(following[chain[-1].second])
            yield chain


def _head(before: dict[str, str], name: str) -> str:
    while name in before:
        name = before[name]
    return name


def _suggestion(context: Context, chain: list[Link], names: list[str]) -> Suggestion:
    subject, title = " + ".join(names), f"Run {_and(names)} at the same time"
    evidence = (
        *(
            Evidence(f"{link.second} started after {link.first} had ended", link.pairs, "times")
            for link in chain
        ),
        *(Evidence("Sign that neither needs the other", link.sign) for link in chain[:1]),
        *(
            Evidence(f"{name}: p50", round(context.stages[name].stats.p50_ms, 1), "ms")
            for name in names
        ),
    )
    changes = tuple(Parallel(link.first, link.second) for link in chain)
    pairs = min(link.pairs for link in chain)
    saving = predicted(context, *changes) if pairs >= FEWEST_PAIRS else _too_few(pairs)
    made = Suggestion(
        rule=NAME,
        subject=subject,
        title=title,
        evidence=evidence,
        how=(
            "Start them together and wait for all: `await asyncio.gather(a(), b())`, or submit "
            "them to one ThreadPoolExecutor.\n" + _processes(context, names)
        ),
        verify="`latprobe show latest` draws a request: they stand side by side; "
        "`latprobe compare` shows the request shorter by the time of the shorter one.",
        effort="low",
        link=LINK,
        stage=names[0],
        preconditions=(
            f"No result of {_and(names[:-1])} goes into {names[-1]}: the recording shows no such "
            "need, your code decides.",
            "There are resources to run them at once.",
        ),
        changes=changes,
        claims=frozenset(("stage_time", name) for name in names),
    )
    return with_saving(made, saving)


def _too_few(pairs: int) -> str:
    return (
        f"They followed each other {pairs} times, too few to tell what it costs; record "
        f"{FEWEST_PAIRS}."
    )


def _processes(context: Context, names: list[str]) -> str:
    busy = [n for n in names if certain_verdict(context.stages[n].path) == "cpu-bound"]
    if len(busy) > 1:
        return f"{_and(busy)} use the CPU: Python's threads take turns there, use processes."
    return "Copy the context into threads (latprobe does so for executors) to keep one trace."


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
