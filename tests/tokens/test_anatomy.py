"""Tokens part by part, and what was billed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from latprobe.tokens.anatomy import Anatomy, PartCount, anatomy
from latprobe.tokens.billed import billed_tokens
from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.dissect import dissect, dissect_request
from latprobe.tokens.part import Dissected, Part, part_hash
from latprobe.tokens.retrieved import split_known
from tests.tokens.showing import fixture

COUNTER = TokenCounter()
CHATS = fixture("openai_chat_billed.json")
CLAUDES = fixture("anthropic_billed.json")


def taken_apart(call: dict[str, Any]) -> Anatomy:
    billed = billed_tokens(call["response"])
    return anatomy(
        dissect_request(call["request"], call["response"]),
        model=call["request"]["model"],
        provider=None,
        counter=COUNTER,
        billed_input=billed.input,
        billed_output=billed.output,
    )


def labels(calls: list[dict[str, Any]]) -> list[str]:
    return [call["label"] for call in calls]


@pytest.mark.parametrize("call", CHATS, ids=labels(CHATS))
def test_openais_own_counts_are_met_to_the_token(call: dict[str, Any]) -> None:
    found = taken_apart(call)
    billed = call["response"]["usage"]["prompt_tokens"]
    assert (found.input_tokens, found.residual_input) == (billed, 0)
    assert sum(row.tokens or 0 for row in found.rows if row.side == "input") == billed
    assert found.is_exact


@pytest.mark.parametrize(
    ("messages", "is_estimated"),
    [
        ('[{"role": "user", "content": "lorem"}]', False),
        ("[{'role': 'user', 'content': 'lorem'}]", False),
        ('[{"role": "user", "content": "lor', True),
        ('[{"role": "user", "content": "lorem"}] and more', True),
        ('[{"role": "user", "content": [{"type": "smell", "of": "rose"}]}]', True),
    ],
)
def test_what_was_not_understood_is_estimated(messages: str, is_estimated: bool) -> None:
    dissected = dissect({"gen_ai.input.messages": messages})
    assert dissected is not None
    found = anatomy(dissected, model="gpt-4o", provider=None, counter=COUNTER)
    assert [row.is_estimated for row in found.rows if row.kind != "overhead"] == [is_estimated]
    assert found.input_tokens is not None


@pytest.mark.parametrize("call", CHATS + CLAUDES, ids=labels(CHATS + CLAUDES))
def test_parts_overhead_and_residual_are_all_that_was_billed(call: dict[str, Any]) -> None:
    found = taken_apart(call)
    billed = billed_tokens(call["response"])
    counted = sum(row.tokens or 0 for row in found.rows if row.side == "input")
    assert found.residual_input is not None
    assert counted + found.residual_input == billed.input
    if found.is_exact:
        assert billed.input is not None
        assert abs(found.residual_input) < 0.01 * billed.input


@pytest.mark.parametrize("call", [c for c in CHATS if "choices" in c["response"]], ids=str)
def test_a_call_in_the_answer_is_counted_to_the_token_or_one_less(call: dict[str, Any]) -> None:
    found = taken_apart(call)
    assert found.residual_output in (0, 1)
    (row,) = [row for row in found.rows if row.side == "output"]
    assert (row.kind, row.is_estimated) == ("tool_calls", True)


def test_rows_say_all_that_is_known_of_each_part() -> None:
    dissected = dissect_request(
        {
            "messages": [
                {"role": "system", "content": "Bé brief."},
                {"role": "user", "content": "Hi"},
            ]
        },
        {"role": "assistant", "content": "Hello"},
    )
    found = anatomy(dissected, model="gpt-4o", provider="openai", counter=COUNTER, billed_output=3)
    system, user, output = (part_hash(part) for part in dissected.parts)
    assert found == Anatomy(
        rows=(
            PartCount(0, "input", "system", "system", None, 4, False, system, 10, 9, None),
            PartCount(1, "input", "user", "user", None, 1, False, user, 2, 2, None),
            PartCount(2, "input", "overhead", None, None, 11, False, None, None, None, None),
            PartCount(3, "output", "output", "assistant", None, 1, False, output, 5, 5, None),
        ),
        input_tokens=16,
        output_tokens=1,
        residual_input=None,
        residual_output=2,
        encoding="o200k_base",
        is_exact=True,
        expected_error=0.0,
        base_input_tokens=5,
    )


def test_a_model_without_a_known_template_has_no_overhead_and_an_estimate() -> None:
    dissected = dissect_request([{"role": "user", "content": "Hello there, how are you?"}])
    found = anatomy(dissected, model="nobody-9b", provider=None, counter=COUNTER, billed_input=20)
    assert [(row.kind, row.tokens, row.is_estimated) for row in found.rows] == [("user", 7, True)]
    assert (found.residual_input, found.is_exact, found.expected_error) == (13, False, 0.208)


class Learnt:
    """A calibration that learnt twice the count for one model."""

    def ratio(self, model: str, *, provider: str | None = None) -> tuple[float, float, int] | None:
        return (2.0, 0.04, 12) if model == "nobody-9b" else None


@pytest.mark.parametrize(
    ("model", "tokens", "error"),
    [("nobody-9b", 14, 0.04), ("nobody-10b", 7, 0.208), ("gpt-4o", 7, 0.0)],
)
def test_what_billed_totals_taught_counts_for_models_that_are_not_exact(
    model: str, tokens: int, error: float
) -> None:
    dissected = dissect_request([{"role": "user", "content": "Hello there, how are you?"}])
    found = anatomy(dissected, model=model, provider=None, counter=COUNTER, calibration=Learnt())
    assert (found.rows[0].tokens, found.expected_error) == (tokens, error)


def test_counts_that_were_kept_stand_for_a_text_that_was_not() -> None:
    kept = Part(
        "input", "system", "system", None, hash="0f" * 16, bytes=10, characters=9,
        counts={"o200k_base": 3},
    )  # fmt: skip
    unknown = Part("input", "user", "user", None, hash="1f" * 16, counts={"cl100k_base": 4})
    dissected = Dissected((kept, unknown), 2, 0, "openai.chat", None, (), ())
    found = anatomy(dissected, model="gpt-4o", provider=None, counter=COUNTER)
    assert [(row.kind, row.tokens, row.bytes) for row in found.rows] == [
        ("system", 3, 10),
        ("user", None, None),
        ("overhead", 11, None),
    ]
    assert found.rows[0].hash == bytes.fromhex("0f" * 16)


def test_nothing_to_count_is_none_and_not_zero() -> None:
    empty: tuple[object, ...] = ([], {"messages": []}, None)
    for request in empty:
        found = anatomy(dissect_request(request), model="gpt-4o", provider=None, counter=COUNTER)
        assert (found.rows, found.input_tokens, found.output_tokens) == ((), None, None)


def test_a_text_to_embed_has_no_template() -> None:
    found = anatomy(
        dissect_request({"input": "tiktoken is great!"}),
        model="text-embedding-3-small",
        provider=None,
        counter=COUNTER,
        billed_input=6,
    )
    assert (len(found.rows), found.input_tokens, found.residual_input) == (1, 6, 0)


def test_cutting_at_line_ends_costs_no_token() -> None:
    documents = [f"Flat {n} costs {n * 100} EUR; it is let since 20{n:02}." for n in range(40)]
    text = "Use these:\n" + "\n\n".join(documents) + "\n\nWhat does flat 7 cost?"
    whole = dissect_request([{"role": "user", "content": text}])
    cut = split_known(whole, [("retrieved", document) for document in documents])
    assert len(cut.parts) == 42
    counts = [
        anatomy(one, model="gpt-4o", provider=None, counter=COUNTER).input_tokens
        for one in (whole, cut)
    ]
    assert counts[0] == counts[1]


EXAMPLE = Path(__file__).parents[2] / "examples" / "document_qa"


def example_rule() -> Any:
    """The module that counts tokens in the example's simulated model."""
    path = EXAMPLE / "simulated_model" / "tokens.py"
    spec = importlib.util.spec_from_file_location("example_tokens", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_with_the_example_servers_own_tokenizer_its_template_is_the_residual() -> None:
    rule = example_rule()
    messages = [
        {"role": "system", "content": "Answer from the context only."},
        {"role": "user", "content": "Context:\nRent is 900 EUR.\n\nQuestion: What is the rent?"},
    ]
    found = anatomy(
        dissect_request({"model": "simulated-7b", "messages": messages}),
        model="simulated-7b",
        provider=None,
        counter=COUNTER,
        custom=rule.count,
        billed_input=rule.count_messages(messages),
    )
    assert [(row.kind, row.tokens) for row in found.rows] == [
        ("system", 7),
        ("retrieved", 11),
        ("user", 8),
    ]
    roles = sum(rule.TOKENS_PER_MESSAGE + rule.count(message["role"]) for message in messages)
    assert found.residual_input == rule.TOKENS_PER_REPLY + roles
    assert (found.encoding, found.is_exact, found.expected_error) == ("custom", True, 0.0)
