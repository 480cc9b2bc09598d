"""Which pairs of sibling stages run in turn with a sign that neither needs the other.

What a stage needs does not show in a trace, so following each other says nothing. A sign is one of:
they work on different media; their names say the same action on different things; they are tool
calls of one answer; they are given the same input; they sometimes overlapped, or ran in the other
order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from latprobe.advice.context import SampledSpans
from latprobe.advice.sibling_runs import Times, families
from latprobe.advice.span_attributes import inputs
from latprobe.advice.stage_words import has_any, word_set, words

MEDIA = frozenset({"image", "audio", "video"})
# Stages that make or take apart what the next one of another medium works on.
MAKERS = word_set(
    "demux extract split separate decode load read open fetch download probe ffmpeg generate "
    "synthesize synthesise tts render convert transcode mux sync lip dub segment "
    "chunk stream"
)
# "retrieve.web" and "retrieve.docs" do one thing to two; "image.decode" and "image.resize" do two
# things in turn. So the first word is an action and the last is none.
ACTIONS = word_set(
    "retrieve retrieval search fetch query lookup classify detect extract ocr moderate call tool "
    "execute get load embed embeddings summarize summarise score translate transcribe caption "
    "enrich"
)
STEPS = ACTIONS | word_set(
    "rerank rank filter parse decode encode resize chunk split merge join format validate check "
    "plan answer generate tokenize tokenise preprocess postprocess pre post prepare input output "
    "first second third final initial before after step stage read write send receive connect "
    "open close request response begin end start finish normalize normalise clean map reduce "
    "dedupe dedup expand rewrite refine followup more next retry fallback verify index"
)
# The same at the end of a name: "crm.lookup" and "geo.lookup", "BM25Retriever", "WebRetriever".
AGENTS = word_set(
    "retriever lookup search fetch query detector classifier loader searcher moderator scorer"
)
# What the stages after are given: text, a page or a session to work on.
GIVEN_ON = word_set("text page html session auth token credentials schema audio")
# So many times, and in this share of the cases, is no accident of a clock.
FEWEST_SEEN = 5
LEAST_SEEN = 0.05
# In fewer cases two stages do not usually follow each other.
FEWEST_PAIRS = 5
# Steps on the way of one text, which are all given it: a check before an answer decides whether
# there is one.
JUDGES = frozenset(
    {"chat", "text_completion", "generate_content", "guardrail", "evaluator", "rerank", "reranker"}
)
# Of the pairs, those with one input for both.
MOSTLY = 0.9


@dataclass(frozen=True, slots=True)
class Link:
    """`second` ran right after `first`, `pairs` times; `sign` says why it need not."""

    first: str
    second: str
    pairs: int
    sign: str


@dataclass(slots=True)
class _Seen:
    """Pairs of names under one caller: neighbours in turn, and those that overlapped."""

    in_turn: Counter[tuple[str, str]] = field(default_factory=Counter)
    single: Counter[tuple[str, str]] = field(default_factory=Counter)
    together: Counter[tuple[str, str]] = field(default_factory=Counter)
    modality: dict[str, str] = field(default_factory=dict)
    operation: dict[str, str] = field(default_factory=dict)
    streams: set[str] = field(default_factory=set)
    models: dict[str, str] = field(default_factory=dict)
    same_input: Counter[tuple[str, str]] = field(default_factory=Counter)
    inputs: dict[str, set[str]] = field(default_factory=dict)


def find_links(sampled: SampledSpans) -> Iterator[Link]:
    """The pairs with a sign, each in the order in which it mostly ran."""
    seen = _look(sampled)
    for (first, second), pairs in sorted(seen.in_turn.items()):
        if pairs < FEWEST_PAIRS or seen.in_turn[second, first] > pairs:
            continue
        if seen.in_turn[second, first] == pairs and second < first:
            continue
        sign = _sign(seen, first, second)
        if sign is not None:
            yield Link(first, second, pairs, sign)


def _look(sampled: SampledSpans) -> _Seen:
    seen, times = _Seen(), Times.of(sampled)
    names = [sampled.spans.names[code] for code in sampled.spans.name.tolist()]
    columns = (
        ("modality", seen.modality),
        ("operation", seen.operation),
        ("model", seen.models),
    )
    for column, facts in columns:
        for name, value in zip(names, sampled.column(column), strict=True):
            if value is not None:
                facts.setdefault(name, str(value))
    for name, ttft in zip(names, sampled.column("ttft_ns"), strict=True):
        if ttft is not None:
            seen.streams.add(name)
    given = inputs(sampled)
    for row, value in given.items():
        seen.inputs.setdefault(names[row], set()).add(value)
    for family in families(sampled):
        often = Counter(names[row] for row in family)
        for row, after in pairwise(family):
            pair = names[row], names[after]
            if pair[0] == pair[1]:
                continue
            is_single = often[pair[0]] == 1 == often[pair[1]]
            if times.in_turn(row, after):
                seen.in_turn[pair] += 1
                seen.single[pair] += is_single
                seen.same_input[pair] += row in given and given[row] == given.get(after)
            elif is_single and times.together(row, after):
                seen.together[pair] += 1
                seen.together[pair[1], pair[0]] += 1
    return seen


def _sign(seen: _Seen, first: str, second: str) -> str | None:
    media = seen.modality.get(first), seen.modality.get(second)
    if media[0] != media[1] and set(media) <= MEDIA and not has_any(first, MAKERS):
        return f"one works on {media[0]}, the other on {media[1]}"
    if _is_one_action(seen, first, second):
        return "the same action on different things"
    if _takes_what_the_first_took(seen, first, second):
        return "both are given the same input"
    # A reader of a stream overlaps with it and needs it all the same.
    if {first, second} & seen.streams:
        return None
    together, other = seen.together[first, second], seen.single[second, first]
    every = seen.single[first, second] + other + together
    if together >= max(FEWEST_SEEN, LEAST_SEEN * every):
        return f"they ran at once {together} times"
    if other >= max(FEWEST_SEEN, LEAST_SEEN * every):
        return f"{second} ran before {first} {other} times"
    return None


def _takes_what_the_first_took(seen: _Seen, first: str, second: str) -> bool:
    """Whether the second is given what the first was given, which changes from call to call."""
    for kinds in (seen.operation, seen.modality):
        if kinds.get(first) != kinds.get(second) or kinds.get(first) in JUDGES:
            return False
    is_a_step = _is_step(first) or _is_step(second)
    if is_a_step and not _are_models_on_one_medium(seen, first, second):
        return False
    varies = len(seen.inputs.get(first, ())) >= FEWEST_PAIRS
    same = seen.same_input[first, second]
    return varies and same >= MOSTLY * seen.in_turn[first, second]


def _are_models_on_one_medium(seen: _Seen, first: str, second: str) -> bool:
    """Whether they are two models for a recording or a picture, whatever they are called."""
    models = seen.models.get(first), seen.models.get(second)
    return seen.modality.get(first) in MEDIA and None not in models and models[0] != models[1]


def _is_one_action(seen: _Seen, first: str, second: str) -> bool:
    kinds = seen.operation.get(first), seen.operation.get(second)
    if kinds[0] != kinds[1]:
        return False
    if kinds[0] == "execute_tool":
        return not _are_steps(_tool(first)) and not _are_steps(_tool(second))
    one, other = words(first), words(second)
    if len(one) < 2 or len(other) < 2:
        return False
    if one[-1] == other[-1] and one[-1] in AGENTS:
        return not STEPS & {*one[:-1], *other[:-1]}
    if GIVEN_ON.intersection(one[1:]):
        return False
    if one[0] == other[0] and one[0] not in ACTIONS:  # a namespace: "db.fetch_user"
        one, other = one[1:], other[1:]
    if min(len(one), len(other)) < 2 or one[0] != other[0] or one[0] not in ACTIONS:
        return False
    return not _are_steps(one[1:]) and not _are_steps(other[1:])


def _tool(name: str) -> tuple[str, ...]:
    """What a tool is about: "weather" of "execute_tool get_weather"."""
    found = words(name)
    if found[:2] == ("execute", "tool"):
        found = found[2:]
    return found[1:] if len(found) > 1 and found[0] in ACTIONS else found


def _is_step(name: str) -> bool:
    """Whether what follows its first word names a step of a chain."""
    return _are_steps(words(name)[1:])


def _are_steps(rest: tuple[str, ...]) -> bool:
    things = [word for word in rest if word != "tool"]
    return not things or any(word in STEPS or word.isdigit() for word in things)
