"""Templates of which some calls ask for tools and write no text: those save nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import (
    enum_words,
    output_boilerplate,
    output_echo,
    output_format,
    output_prose,
    reasoning_fields,
    whole_rewrite,
)
from latprobe.advice.suggestion import Saving, Suggestion
from latprobe.analysis.whatif import Change, Prediction
from latprobe.tokens.prices import Prices
from latprobe.tokens.rates import Quantities
from tests.advice.answers import MS_A_CALL, MS_A_TOKEN, figures, one, prose
from tests.advice.pipelines import Recording, Step, _tokens
from tests.analysis.seeding import EPOCH_NS, trace_hex

Answer = Callable[[Recording, str], str]
PRICES = Prices()
TOOL_TOKENS = 52
LABELS = (
    "waiting for the supplier to confirm the delivery",
    "handed over to the carrier and on its way",
    "returned to the warehouse because of an unknown address",
)
STANDING = "Thank you very much for your question, we are always happy to be of help to you. "


def steps(r: Recording, _: str) -> str:
    path = [r.random.randint(1, 99) for _ in range(r.random.randint(8, 30))]
    return json.dumps({"ok": True, "path": path}, indent=4)


def fenced(r: Recording, _: str) -> str:
    value = {"answer": prose(r, r.random.randint(4, 20))}
    return f"Here is the JSON you asked for:\n```json\n{json.dumps(value)}\n```"


def edited(r: Recording, given: str) -> str:
    return given.replace(r.random.choice(given.split()), "unchanged", 1)


def reasoned(r: Recording, _: str) -> str:
    return json.dumps({"reasoning": prose(r, 45), "answer": prose(r, 12)})


ANSWERS: dict[Any, Answer] = {
    output_format: steps,
    output_prose: fenced,
    output_echo: lambda r, given: f"You ask: {given} I would say {prose(r, 20)}",
    output_boilerplate: lambda r, _: STANDING + prose(r, r.random.randint(10, 40)),
    enum_words: lambda r, _: r.random.choice(LABELS),
    whole_rewrite: edited,
    reasoning_fields: reasoned,
}


def agent(
    answer: Answer, *, requests: int = 30, tools: int = 1, tools_of: str | None = None
) -> Recording:
    """Each request has `tools` calls that ask for a tool, of the template `tools_of`, and one that
    answers."""
    recording = Recording(seed=5)
    for _ in range(requests):
        with recording.request("answer") as request:
            for _ in range(tools):
                _asks_for_a_tool(request, tools_of)
            given = prose(recording, 70)
            text = answer(recording, given)
            ms = (MS_A_CALL + MS_A_TOKEN * _tokens(text)) * recording.random.lognormvariate(0, 0.03)
            request.call(
                "llm",
                ms,
                exact=True,
                prompt=[("user", given)],
                output=text,
                cost_usd=cost_usd(_tokens(given), _tokens(text)),
            )
    return recording


def _asks_for_a_tool(request: Step, template: str | None) -> None:
    call = request.call(
        "llm",
        MS_A_CALL + MS_A_TOKEN * TOOL_TOKENS,
        prompt=[("user", "Look it up.")],
        template=template,
        cost_usd=cost_usd(_tokens("Look it up."), TOOL_TOKENS),
        usage={"output_tokens": TOOL_TOKENS, "total_tokens": TOOL_TOKENS + 4},
    )
    call.row["output_tokens"] = TOOL_TOKENS
    known = {"trace_id": trace_hex(call.trace), "span_id": call.span_id}
    call._part(known, 1, "output", "tool_calls", '{"name": "search"}', TOOL_TOKENS)


def cost_usd(given: float, made: float) -> float:
    """By the list price of the model that is recorded here."""
    used = Quantities(input_tokens=round(1e6 * given), output_tokens=round(1e6 * made))
    usd = PRICES.cost(used, model="gpt-4o-mini", provider="openai", at_ns=EPOCH_NS).usd
    assert usd is not None
    return usd / 1e6


class Untimed(Context):
    """Predicts no time, which takes most of the time."""

    def predict(self, *changes: Change) -> Prediction:
        return Prediction(requests=0, refused="The time is not asked for.")


def tokens_alone(rule: Any, recording: Recording) -> Saving:
    (found,) = rule.find(Untimed(recording.query()))
    return saving_of(found)


def saving_of(found: Suggestion) -> Saving:
    assert found.saving is not None
    return found.saving


def texts(recording: Recording) -> list[str]:
    hashes = [part["hash"] for part in recording.parts if part["part"] == "output"]
    return [recording.texts[each]["text"] for each in hashes]


@pytest.mark.parametrize("tools", [0, 1, 2])
def test_a_request_saves_what_its_own_answers_are_shorter_by(tools: int) -> None:
    recording = agent(steps, requests=60 // (tools + 1), tools=tools)
    (found,) = output_format.find(Untimed(recording.query()))
    answers = texts(recording)
    short = [json.dumps(json.loads(text), separators=(",", ":")) for text in answers]
    by_hand = (sum(map(_tokens, answers)) - sum(map(_tokens, short))) / len(answers)
    saving = saving_of(found)
    assert saving.output_tokens == pytest.approx(by_hand)
    assert saving.output_tokens is not None
    assert saving.output_tokens < sum(map(_tokens, answers)) / len(answers)
    a_call = sum(row["output_tokens"] for row in recording.usage) / len(recording.usage)
    assert f"fall to about {a_call - by_hand / (tools + 1):.0f} a call" in found.verify
    assert ("an answer" in found.title) == (tools > 0)
    share = figures(found).get("calls that give such an answer")
    assert share == (None if tools == 0 else pytest.approx(1 / (tools + 1), abs=1e-3))


@pytest.mark.parametrize("rule", ANSWERS, ids=lambda rule: str(rule.NAME))
def test_it_is_the_same_whether_tool_calls_are_of_the_template_or_of_another(rule: Any) -> None:
    recording = agent(ANSWERS[rule])
    together = tokens_alone(rule, recording)
    apart = tokens_alone(rule, agent(ANSWERS[rule], tools_of="tools"))
    assert together.output_tokens is not None
    assert together.output_tokens == pytest.approx(apart.output_tokens)
    assert together.output_tokens < sum(map(_tokens, texts(recording))) / 30
    assert together.cost_usd_per_1000 is not None
    sentence = -(together.input_tokens or 0.0)
    spent = 1_000 * (cost_usd(0, together.output_tokens) - cost_usd(sentence, 0))
    assert together.cost_usd_per_1000.value == pytest.approx(spent, rel=1e-4)


def test_the_time_follows_the_tokens_of_the_answers() -> None:
    saving = saving_of(one(output_format, agent(steps, requests=60)))
    assert saving.output_tokens is not None
    assert saving.p50_ms is not None
    assert saving.p50_ms.value == pytest.approx(MS_A_TOKEN * saving.output_tokens, rel=0.15)


def test_calls_that_failed_save_nothing() -> None:
    recording = agent(steps, tools=0, requests=60)
    before = tokens_alone(output_format, recording).output_tokens
    for _ in range(20):
        with recording.request("answer") as request:
            call = request.call("llm", 50, prompt=[("user", "?")], usage={"output_tokens": None})
            call.row["output_tokens"] = None
    after = tokens_alone(output_format, recording).output_tokens
    assert before is not None
    assert after is not None
    assert after < 0.8 * before


def test_no_more_is_saved_than_was_written_by_the_providers_count() -> None:
    recording = agent(steps, tools=0)
    for row in recording.usage:
        row["output_tokens"] = 20
    assert tokens_alone(output_format, recording).output_tokens == pytest.approx(20)
