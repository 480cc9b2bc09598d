"""The order of suggestions, what overlaps, and what several save together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from latprobe.advice.advisor import advise, advise_on
from latprobe.advice.answer import Advice
from latprobe.advice.context import Context
from latprobe.advice.marking import suggested
from latprobe.advice.saving import predicted, with_tokens
from latprobe.advice.suggestion import Claim, Gain, Saving, Suggestion
from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif import Change, Parallel, Scale
from latprobe.errors import NoDataError, UsageError
from tests.advice.pipelines import Recording
from tests.analysis.seeding import MemoryStore


def recording(requests: int = 120, seed: int = 1) -> Recording:
    """search (120 ms), read (150 ms) and llm (800 ms) in turn."""
    found = Recording(seed=seed)
    for number in range(requests):
        with found.request("answer") as step:
            step.stage("search", 120)
            step.stage("read", 150)
            step.call("llm", 800, prompt=[("user", f"What is parcel {number}?")],
                      output=f"Parcel {number * 7} is late.", cost_usd=0.001)  # fmt: skip
    return found


@pytest.fixture(scope="module")
def context() -> Context:
    return Context(recording().query())


class Rule:
    """A rule that finds what it is given."""

    def __init__(self, *found: Suggestion, fails: bool = False) -> None:
        self.NAME = "test"
        self.found, self.fails = found, fails

    def find(self, context: Context) -> Iterator[Suggestion]:
        if self.fails:
            raise NoDataError("Nothing recorded matches.")
        yield from self.found


def suggestion(
    name: str, saving: Saving, *, claims: Sequence[Claim] = (), changes: Sequence[Change] = ()
) -> Suggestion:
    return Suggestion(
        rule=name, subject="s", title=name, evidence=(), how="", verify="", effort="low",
        saving=saving, claims=frozenset(claims), changes=tuple(changes),
    )  # fmt: skip


def replayed(
    context: Context, name: str, change: Change, claims: Sequence[Claim] = (), **tokens: float
) -> Suggestion:
    saving = predicted(context, change)
    assert not isinstance(saving, str)
    return suggestion(name, with_tokens(saving, **tokens), claims=claims, changes=(change,))  # type: ignore[arg-type]  # tokens only


def of(context: Context, *found: Suggestion) -> Advice:
    return advise_on(context, rules=[Rule(*found)])


def names(advice: Advice) -> list[str]:
    return [each.suggestion.rule for each in advice.ranked]


def ms(share: float, context: Context) -> Gain:
    value = share * context.p95_ms
    return Gain(value, value * 0.8, value * 1.2)


def test_the_greatest_gain_comes_first(context: Context) -> None:
    found = of(
        context,
        suggestion("small", Saving("replay", p95_ms=ms(0.05, context))),
        suggestion("great", Saving("replay", p95_ms=ms(0.4, context))),
        suggestion("middle", Saving("replay", p95_ms=ms(0.2, context))),
    )
    assert names(found) == ["great", "middle", "small"]
    assert found.small == 0


def test_under_two_percent_is_left_out_and_counted(context: Context) -> None:
    found = of(context, suggestion("tiny", Saving("replay", p95_ms=ms(0.019, context))))
    assert (found.ranked, found.small) == ((), 1)


def test_what_saves_little_can_be_listed_and_followed_all_the_same(context: Context) -> None:
    found = of(
        context,
        suggestion("least", Saving("replay", p95_ms=ms(0.001, context))),
        suggestion("great", Saving("replay", p95_ms=ms(0.4, context))),
        suggestion("less", Saving("replay", p95_ms=ms(0.019, context))),
    )
    assert [each.suggestion.rule for each in found.little] == ["less", "least"]
    assert found.suggestion(found.little[0].suggestion.id) is found.little[0].suggestion
    rows = found.to_json()
    assert rows["small"] == 2
    assert isinstance(rows["little"], list)
    assert [(each["rule"], each["rank"]) for each in rows["little"]] == [("less", 2), ("least", 3)]


def test_a_gain_that_may_be_none_does_not_count(context: Context) -> None:
    unsure = Gain(0.3 * context.p95_ms, -5.0, 0.6 * context.p95_ms)
    found = of(context, suggestion("unsure", Saving("replay", p95_ms=unsure)))
    assert (found.ranked, found.small) == ((), 0)
    assert [each.verdict for each in found.unclear] == ["not enough data"]
    assert "the interval of the saving holds 0" in str(found.unclear[0].reason)


def test_a_sure_median_counts_where_the_tail_is_too_noisy(context: Context) -> None:
    unsure = Gain(0.3 * context.p95_ms, -5.0, 0.6 * context.p95_ms)
    gain = Gain(0.2 * context.p50_ms, 0.1 * context.p50_ms, 0.3 * context.p50_ms)
    found = of(context, suggestion("median", Saving("replay", p50_ms=gain, p95_ms=unsure)))
    assert found.ranked[0].gain_share == pytest.approx(0.2)


def test_a_bound_ranks_under_a_replay_of_nearly_the_same(context: Context) -> None:
    found = of(
        context,
        suggestion("bound", Saving("bound", p95_ms=ms(0.3, context))),
        suggestion("replay", Saving("replay", p95_ms=ms(0.25, context))),
    )
    assert names(found) == ["replay", "bound"]


def test_cost_counts_half_and_tokens_only_without_a_price(context: Context) -> None:
    assert context.cost_usd_per_1000 == pytest.approx(1.0)
    assert context.tokens_per_request is not None
    # Half the tokens, which are a tenth of the cost because most were read from a cache.
    half = 0.5 * context.tokens_per_request
    cached = Saving("simulation", input_tokens=half, cost_usd_per_1000=Gain(0.1))
    assert of(context, suggestion("cached", cached)).ranked[0].gain_share == pytest.approx(0.05)
    unpriced = replace(cached, cost_usd_per_1000=None)
    found = of(context, suggestion("unpriced", unpriced))
    assert found.ranked[0].gain_share == pytest.approx(0.25)


def test_two_suggestions_on_the_same_tokens_do_not_add_up(context: Context) -> None:
    claim = ("output_tokens", "t")
    found = of(
        context,
        suggestion("less", Saving("replay", p95_ms=ms(0.1, context)), claims=[claim]),
        suggestion("more", Saving("replay", p95_ms=ms(0.4, context)), claims=[claim]),
        suggestion("other", Saving("replay", p95_ms=ms(0.05, context))),
    )
    assert names(found) == ["more", "other", "less"]
    last = found.ranked[-1]
    assert (last.left_share, last.score) == (0.0, 0.0)
    assert last.overlaps == (found.ranked[0].suggestion.id,)


def test_what_makes_requests_slower_is_a_dont(context: Context) -> None:
    slower = Gain(-0.1 * context.p95_ms, -0.2 * context.p95_ms, -0.05 * context.p95_ms)
    saving = Saving("replay", p95_ms=slower, input_tokens=8.0)
    found = of(context, suggestion("slower", saving))
    assert (found.ranked, [each.rule for each in found.dont]) == ((), ["slower"])
    assert found.dont[0].reason is not None
    assert "ms longer" in found.dont[0].reason


def test_combined_is_replayed_at_once_and_leaves_out_what_overlaps(context: Context) -> None:
    tokens = ("output_tokens", "t")
    found = of(
        context,
        replayed(context, "half", Scale("llm", 0.5), [tokens], output_tokens=2.0),
        replayed(context, "less", Scale("llm", 0.8), [tokens], output_tokens=1.0),
        replayed(context, "beside", Parallel("search", "read"), [("stage_time", "search")]),
    )
    ids = {each.suggestion.rule: each.suggestion.id for each in found.ranked}
    together = found.combined
    assert together is not None
    assert together.ids == (ids["half"], ids["beside"])
    assert together.saving.output_tokens == 2.0
    both = context.predict(Scale("llm", 0.5), Parallel("search", "read"))
    assert together.p50_after_ms == both.p50.after_ms
    # 1,070 ms: half of 800 and the shorter of 120 and 150 are saved.
    assert together.p50_after_ms == pytest.approx(555, rel=0.05)


def test_one_suggestion_alone_has_nothing_to_be_combined_with(context: Context) -> None:
    assert of(context, replayed(context, "half", Scale("llm", 0.5))).combined is None


def test_nothing_is_suggested_on_a_pipeline_that_is_fine(context: Context) -> None:
    found = advise_on(context)
    assert (found.ranked, found.unclear, found.dont, found.refused) == ((), (), (), None)


def test_few_requests_are_refused_and_none_is_an_error() -> None:
    found = advise(recording(5).query())
    assert found.refused == "5 requests are too few to advise on; record 20 or more."
    store = MemoryStore()
    with pytest.raises(NoDataError, match="Nothing is recorded yet"):
        advise(store)


def test_programs_with_different_work_are_advised_on_one_by_one() -> None:
    found = Recording(seed=6)
    found.runs = {1: {"service": "answers"}, 2: {"service": "indexer"}}
    for _ in range(40):
        with found.request("answer", run_id=1) as step:
            step.stage("retrieve.web", 120)
            step.stage("retrieve.docs", 150)
        with found.request("index", run_id=2) as step:
            step.stage("write", 4000)
    query = found.query()
    both = advise(query)
    assert (both.requests, both.ranked, both.unclear) == (80, (), ())
    assert both.refused == (
        "Requests of 2 services with different work are looked at as one (answers, indexer): "
        "choose a service (`--service`)."
    )
    with pytest.raises(UsageError, match="choose a service"):
        suggested(both, "ab")
    assert names(advise(query, Scope(service="answers"))) == ["parallel_stages"]


def test_a_rule_that_finds_no_data_keeps_no_other_from_being_heard(context: Context) -> None:
    good = suggestion("good", Saving("replay", p95_ms=ms(0.4, context)))
    assert names(advise_on(context, rules=[Rule(fails=True), Rule(good)])) == ["good"]


def test_content_off_is_said() -> None:
    found = recording()
    for text in found.texts.values():
        text["text"] = None
    assert advise(found.query()).notes == (
        "The model calls' texts were not kept: advice knows their hashes and lengths only and "
        "cannot see what they say (docs/content.md).",
    )


def test_an_id_may_be_shortened_while_it_is_of_one(context: Context) -> None:
    found = of(context, suggestion("good", Saving("replay", p95_ms=ms(0.4, context))))
    only = found.ranked[0].suggestion
    assert found.suggestion(only.id[:4]) is only
    assert found.suggestion("zz") is None


def test_a_saving_that_every_request_has_is_sure_however_much_runs_scatter() -> None:
    found = Recording(seed=3)
    for _ in range(60):
        with found.request("answer") as step:
            step.stage("search", 120)
            step.stage("read", 150)
            step.stage("ocr", 3000 * found.random.lognormvariate(0, 0.9), exact=True)
    noisy = Context(found.query())
    saving = predicted(noisy, Parallel("search", "read"))
    assert isinstance(saving, Saving)
    assert saving.p50_ms is not None
    assert saving.p50_ms.low is not None
    assert saving.p50_ms.low < 0
    assert saving.p50_ms.least is not None
    assert 0 < saving.p50_ms.least <= saving.p50_ms.value
    one = suggestion("beside", saving, changes=[Parallel("search", "read")])
    advice = advise_on(noisy, rules=[Rule(one)])
    assert [each.suggestion for each in advice.ranked] == [one]
