"""What lossy compressors say is gone, and advisory ones."""

from __future__ import annotations

from typing import Any

import pytest

from latprobe.advice.compress import (
    code_comments,
    dropped_empty,
    html_text,
    llm_lingua,
    passages_bm25,
    rounded_floats,
    sentences,
)
from latprobe.advice.compress.contract import Context
from latprobe.advice.compress.exact_json import context_of
from latprobe.advice.compress.retention import retention
from latprobe.errors import UsageError


def test_a_lost_negation_and_number_are_listed() -> None:
    found = retention(
        "The load must not exceed 120 kg, says Ada.", "The load must exceed, says Ada."
    )
    assert found.lost == ("number 120", "negation not")
    assert found.counts["name"] == (1, 1)


def test_each_time_a_thing_stands_counts() -> None:
    assert retention("never 5, never 5", "never 5").lost == ("number 5", "negation never")


def test_keys_and_code_are_looked_for() -> None:
    lost = retention('{"max_load": 1} and `rm -rf`', "{} and").lost
    assert set(lost) == {"number 1", "key max_load", "code rm -rf"}


def test_extractive_pruning_is_advisory_and_lists_what_it_lost() -> None:
    facts = [
        f"Item {n} of the delivery weighs {n * 3} kg and must not be lifted." for n in range(12)
    ]
    (found,) = sentences.candidates(" ".join(facts), Context())
    assert (found.kind, found.advisory) == ("lossy", True)
    assert sum(text.startswith("negation not") for text in found.check.lost) == 4


def test_passages_are_ranked_for_the_question() -> None:
    filler = [f"Passage {n} talks at length about gardens, hedges and lawns." for n in range(7)]
    needed = "A refund for a gift card is paid as store credit and never in cash."
    text = "\n\n".join([*filler[:4], needed, *filler[4:]])
    context = Context(question="How is a gift card refund paid?")
    (found,) = passages_bm25.candidates(text, context)
    assert needed in found.text
    assert found.text.count("\n\n") == 3
    assert (found.advisory, passages_bm25.candidates(text, Context())) == (True, [])


def test_python_that_does_not_parse_keeps_its_comments() -> None:
    assert code_comments.without_python_comments("def f(:\n  # x\n  pass\n") is None
    assert code_comments.without_python_comments('x = "# no comment"  # one\n') == (
        'x = "# no comment"\n'
    )
    assert code_comments.without_python_comments("import x  # noqa: F401\n") is None


def test_empty_keys_are_counted() -> None:
    text = '{"a": null, "b": [{"a": "", "c": 1}], "d": {}}'
    (found,) = dropped_empty.candidates(text, context_of(text))
    assert (found.text, found.kind) == ('{"b":[{"c":1}]}', "near")
    assert found.check.lost == ("a: 2 times null or empty", "d: 1 times null or empty")


def test_rounding_names_its_largest_change() -> None:
    text = "[0.123456789, 2.5, 1e-300]"
    (found,) = rounded_floats.candidates(text, context_of(text))
    assert found.text == "[0.123457,2.5,1e-300]"
    assert "the largest relative change is 1.7e-06" in found.check.executed


def test_links_without_a_blank_between_them_keep_their_words() -> None:
    page = '<div><a href="/a">One</a><a href="/b">two</a><p>three<a name="x">fold</a></p></div>'
    (near, article) = html_text.candidates(page, Context())
    assert near.text == "[One](</a>)[two](</b>)\nthreefold"
    assert article.text == "Onetwo\nthreefold"


def test_html_that_loses_a_word_is_no_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    page = "<body><p>One</p><p>two</p><p>three</p><p>four</p></body>"
    assert [c.text for c in html_text.candidates(page, Context())] == ["One\ntwo\nthree\nfour"] * 2
    monkeypatch.setattr(html_text, "_written", lambda *_, **__: "One two three")
    assert html_text.candidates(page, Context()) == []


class HalfCompressor:
    """Keeps every other word, as the package's interface returns it."""

    def compress_prompt(self, context: list[str], *, rate: float) -> dict[str, Any]:
        return {"compressed_prompt": " ".join(context[0].split()[::2]), "rate": rate}


def test_llmlingua_has_the_same_shape_and_is_advisory() -> None:
    compressor = llm_lingua.LlmLingua(HalfCompressor(), rate=0.5)
    (found,) = compressor.candidates("You must not pay 100 EUR", Context())
    assert (found.text, found.kind, found.advisory) == ("You not 100", "lossy", True)
    assert compressor.spent_ms > 0


def test_break_even_needs_the_speed_of_the_model() -> None:
    pays = llm_lingua.break_even(compressor_ms=80, saved_tokens=500, prefill_tokens_per_s=5_000)
    assert (pays.saved_ms, pays.net_ms) == (100, 20)
    unknown = llm_lingua.break_even(compressor_ms=80, saved_tokens=500, prefill_tokens_per_s=None)
    assert unknown.net_ms is None


def test_llmlingua_refuses_without_the_package() -> None:
    with pytest.raises(UsageError, match="pip install llmlingua"):
        llm_lingua.load("/nowhere")
