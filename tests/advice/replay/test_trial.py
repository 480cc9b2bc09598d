"""Both arms of a trial: order, partial results, verdicts. No server: an endpoint that answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from latprobe.advice.call_texts import CallText
from latprobe.advice.outputs.answer_formats import compact_json
from latprobe.advice.replay.change import AsRecorded, SaidInPrompt
from latprobe.advice.replay.endpoint import Endpoint, Failure, Reply, ServerRefusedError
from latprobe.advice.replay.kept import keep, read_replays
from latprobe.advice.replay.recorded import Message, Recorded
from latprobe.advice.replay.result import Replayed, judge
from latprobe.advice.replay.trial import INTERRUPTED, Outcome, run
from latprobe.advice.suggestion import Suggestion

Answer = Callable[[int, bool], Reply | Failure]
SENTENCE = compact_json().sentence
SUGGESTION = Suggestion(
    rule="output_format", subject="llm", title="Ask for compact JSON", evidence=(), how="",
    verify="", effort="low",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answering(Endpoint):
    """Answers by the request's number and whether it has the new sentence."""

    answer: Answer = field(default=lambda number, is_new: Failure("is a test"), repr=False)
    asked: list[tuple[int, bool]] = field(default_factory=list)

    def ask(
        self,
        messages: Sequence[Message],
        settings: Mapping[str, object],
        *,
        pause: Callable[[float], None],
    ) -> Reply | Failure:
        number, is_new = int(messages[-1].text), SENTENCE in messages[0].text
        self.asked.append((number, is_new))
        return self.answer(number, is_new)


def value(number: int) -> dict[str, Any]:
    return {"a": number, "b": str(number), "c": None, "d": [number]}


def recorded(number: int) -> Recorded:
    call = CallText(
        trace_id=f"{number:032x}", span_id="1", start_ns=number, stage="llm", provider=None,
        model="m", template=None, input_tokens=9, output_tokens=9, cache_read_tokens=None,
        cost_usd=None, stops_early=None, parts=(),
    )  # fmt: skip
    messages = (Message("system", "Look it up."), Message("user", str(number)))
    return Recorded(call, messages, {}, json.dumps(value(number), indent=2))


def reply(content: object, *, is_new: bool = False) -> Reply:
    text = content if isinstance(content, str) else json.dumps(content)
    return Reply(text, 12 if is_new else 10, 20 if is_new else 40, (3 if is_new else 5) * 10**6)


def tried(
    answer: Answer, *, requests: int = 60, on_done: Callable[[int], None] = lambda _: None
) -> tuple[Replayed, Answering, Outcome]:
    calls = [recorded(number) for number in range(requests)]
    endpoint = Answering("http://127.0.0.1/v1", "m", answer=answer)
    old = AsRecorded.of(calls)
    new = SaidInPrompt(old, SENTENCE, compact_json())
    outcome = run(calls, old, new, endpoint, at_once=1, seed=1, on_done=on_done)
    found = judge(
        SUGGESTION, endpoint, outcome, old=old, new=new,
        recorded=[value(number) for number in range(requests)],
        requests=requests, recorded_model="m", margin=0.05, at_ns=5,
    )  # fmt: skip
    return found, endpoint, outcome


def same(number: int, is_new: bool) -> Reply:
    return reply(value(number), is_new=is_new)


def test_answers_that_agree_are_not_worse_and_tokens_and_time_are_measured() -> None:
    found, endpoint, _ = tried(same)
    assert (found.verdict, found.pairs, found.calls, found.stopped) == ("not worse", 60, 120, None)
    assert found.agreement is not None
    assert (found.agreement.old, found.agreement.new, found.agreement.difference) == (1, 1, 0)
    assert -0.05 < found.agreement.low < 0
    assert found.output_tokens is not None
    assert (found.output_tokens.saved, found.output_tokens.saved_low) == (20, 20)
    assert found.input_tokens is not None
    assert found.input_tokens.saved == -2
    assert found.p50_ms is not None
    assert (found.p50_ms.old, found.p50_ms.new) == (5.0, 3.0)
    assert sorted(endpoint.asked) == [(n, is_new) for n in range(60) for is_new in (False, True)]


def test_the_arms_of_a_request_are_neighbours_in_an_order_that_is_drawn() -> None:
    _, endpoint, _ = tried(same)
    numbers = [number for number, _ in endpoint.asked]
    assert numbers[0::2] == numbers[1::2]
    assert numbers[0::2] != sorted(numbers[0::2])
    first = [is_new for _, is_new in endpoint.asked[0::2]]
    assert 15 < sum(first) < 45


def test_a_change_that_makes_answers_worse_is_found_with_the_field_that_lost() -> None:
    def loses_a_field(number: int, is_new: bool) -> Reply:
        return reply({**value(number), "b": "?"} if is_new and number % 2 else value(number))

    found, _, _ = tried(loses_a_field)
    assert found.verdict == "worse"
    assert found.agreement is not None
    assert found.agreement.difference == pytest.approx(-0.125)
    assert found.agreement.high < 0
    worst = found.fields[0]
    assert (worst.path, worst.requests, worst.old, worst.new) == ("b", 60, 1.0, 0.5)


def test_answers_that_break_the_schema_are_worse_even_where_most_fields_agree() -> None:
    def adds_prose(number: int, is_new: bool) -> Reply:
        text = json.dumps(value(number))
        return reply(f"Here you are: {text}" if is_new and number % 4 == 0 else text)

    found, _, _ = tried(adds_prose)
    assert found.verdict == "worse"
    assert found.schema is not None
    assert (found.schema.old, found.schema.new) == (1.0, 0.75)


def test_what_differs_from_call_to_call_in_both_arms_is_no_loss() -> None:
    def words_vary(number: int, is_new: bool) -> Reply:
        return reply({**value(number), "b": f"{number}, said {'so' if is_new else 'thus'}"})

    found, _, _ = tried(words_vary)
    assert found.agreement is not None
    assert (found.agreement.old, found.verdict) == (0.75, "not worse")


def test_a_model_that_never_repeats_itself_can_show_nothing() -> None:
    found, _, _ = tried(lambda number, is_new: reply({**value(number + 1), "c": None}))
    assert found.verdict == "cannot tell"
    assert "too little to tell by" in found.notes[0]


def test_a_small_loss_is_neither_shown_nor_ruled_out() -> None:
    found, _, _ = tried(
        lambda number, is_new: reply(
            {**value(number), **({"b": ""} if is_new and number < 4 else {})}
        )
    )
    assert found.verdict == "not shown"


def test_few_answers_are_not_enough_and_failures_are_counted_by_arm() -> None:
    def is_flaky(number: int, is_new: bool) -> Reply | Failure:
        return Failure("answered HTTP 500") if is_new and number % 3 == 0 else same(number, is_new)

    found, _, _ = tried(is_flaky)
    assert (found.verdict, found.pairs) == ("not enough pairs", 40)
    assert found.failed == {"as suggested: the server answered HTTP 500": 20}
    assert found.agreement is not None


def test_failures_of_the_new_arm_alone_are_losses_and_said() -> None:
    def fails(number: int, is_new: bool) -> Reply | Failure:
        return Failure("sent no text", 10, 5) if is_new and number < 20 else same(number, is_new)

    found, _, _ = tried(fails, requests=80)
    assert (found.verdict, found.pairs) == ("worse", 60)
    assert found.agreement is not None
    assert (found.agreement.old, found.agreement.new) == (1.0, 0.75)
    assert "20 requests failed in one arm alone" in found.notes[0]
    # Of 80 old answers, 60 new ones, and 20 that failed and were billed.
    assert found.billed_input_tokens == 80 * 10 + 60 * 12 + 20 * 10
    assert found.billed_output_tokens == 80 * 40 + 60 * 20 + 20 * 5


def test_failures_of_the_old_arm_do_not_make_up_for_worse_answers() -> None:
    def both_lose(number: int, is_new: bool) -> Reply | Failure:
        if number < 12 and not is_new:
            return Failure("answered HTTP 400")
        return reply({} if is_new and number >= 72 else value(number))

    found, _, _ = tried(both_lose, requests=80)
    assert found.agreement is not None
    assert found.agreement.difference > 0
    assert found.verdict == "not shown"


def test_failures_of_both_arms_alike_are_not_worse_answers() -> None:
    def flaky(number: int, is_new: bool) -> Reply | Failure:
        fails = number % 10 == (5 if is_new else 0)
        return Failure("answered HTTP 503") if fails else same(number, is_new)

    found, _, _ = tried(flaky, requests=90)
    assert found.agreement is not None
    assert (found.agreement.difference, found.verdict) == (0.0, "not shown")


def test_an_interrupt_keeps_what_has_come() -> None:
    done: list[int] = []

    def stop_after_30(steps: int) -> None:
        done.append(steps)
        if len(done) == 30:
            raise KeyboardInterrupt

    found, _, outcome = tried(same, on_done=stop_after_30)
    assert found.stopped == INTERRUPTED
    # The other thread may have brought more by then, which is kept too.
    assert 30 <= found.calls == outcome.calls
    assert 15 <= found.pairs <= len(outcome.pairs)


def test_a_server_that_is_down_is_not_asked_for_ever() -> None:
    found, endpoint, _ = tried(lambda number, is_new: Failure("answered HTTP 503"))
    assert found.stopped == "8 calls in a row failed: the server answered HTTP 503"
    assert len(endpoint.asked) == 8
    assert (found.pairs, found.agreement, found.p50_ms) == (0, None, None)


def test_a_refusal_midway_keeps_what_has_come() -> None:
    asked: list[int] = []

    def expires(number: int, is_new: bool) -> Reply:
        asked.append(number)
        if len(asked) > 20:
            raise ServerRefusedError("does not take the key (HTTP 401)")
        return same(number, is_new)

    found, _, _ = tried(expires)
    assert (found.stopped, found.calls) == ("the server does not take the key (HTTP 401)", 20)


def test_without_usage_tokens_are_not_known() -> None:
    found, _, _ = tried(lambda number, is_new: Reply(json.dumps(value(number)), None, None, 10**6))
    assert (found.input_tokens, found.output_tokens) == (None, None)


def test_a_trial_is_kept_and_read_back_and_replaced(tmp_path: Any) -> None:
    found, _, _ = tried(same)
    assert read_replays(tmp_path) == {}
    keep(tmp_path, found)
    keep(tmp_path, found)
    assert read_replays(tmp_path) == {SUGGESTION.id: found}
    assert (tmp_path / "replays.json").stat().st_mode & 0o777 == 0o600


def test_a_trial_that_was_stopped_without_a_verdict_replaces_none(tmp_path: Any) -> None:
    found, _, _ = tried(same)
    stopped = replace(found, verdict="not enough pairs", stopped=INTERRUPTED)
    assert keep(tmp_path, stopped)
    assert keep(tmp_path, found)
    assert not keep(tmp_path, stopped)
    assert read_replays(tmp_path) == {SUGGESTION.id: found}
    worse = replace(found, verdict="worse", stopped=INTERRUPTED)
    assert keep(tmp_path, worse)
    assert read_replays(tmp_path) == {SUGGESTION.id: worse}
