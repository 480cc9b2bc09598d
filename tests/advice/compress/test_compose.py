"""The best of all candidates, by count, in prose and in requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.advice.compress import compose, csv_typed
from latprobe.advice.compress.compose import best
from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.request import best_request, rewrite_request
from latprobe.advice.compress.segments import split_segments
from tests.advice.compress.documents import DOCUMENTS

CORPUS = Path(__file__).parents[1] / "corpus"
METER = Meter("gpt-4o")
ROWS = [{"id": n, "city": "Graz", "name": f"n{n}", "score": n / 4} for n in range(12)]
TABLE = (CORPUS / "table.md").read_text("utf-8")


def test_json_in_prose_is_written_shorter_and_the_prose_stays() -> None:
    text = f"Rank these:\n```json\n{json.dumps(ROWS, indent=2)}\n```\nName the best one."
    found = best(text, meter=METER).lossless
    assert found is not None
    head, _, rest = found.text.partition("```json\n")
    body, _, tail = rest.partition("\n```")
    assert (head, tail) == ("Rank these:\n", "\nName the best one.")
    assert csv_typed.decode(body) == ROWS
    assert found.tokens_after == METER.count_many([found.text])[0]


def test_each_form_in_one_prompt_is_written_by_its_own_compressor() -> None:
    page = (CORPUS / "article.html").read_text("utf-8")
    log = (CORPUS / "service.log").read_text("utf-8")
    text = f"Plans:\n{TABLE}\nPage:\n{page}\nLog:\n{log}\nData: {json.dumps(ROWS)}\nThink."
    found = best(text, allow="lossy", meter=METER).best
    assert found is not None
    assert {"markdown_table_csv", "html_article", "log_templates", "csv_typed"} <= set(found.steps)
    assert found.kind == "lossy"


def test_a_page_that_was_cut_off_is_a_page_all_the_same() -> None:
    page = (CORPUS / "article.html").read_text("utf-8")
    cut = page[: page.rindex("</p>") + 4]
    found = best(f"What is it about?\n{cut}", allow="near", meter=METER).best
    assert found is not None
    assert any(step.startswith("html") for step in found.steps)
    assert found.tokens_after < METER.count_many([cut])[0] / 2


def test_lines_of_json_become_one_table() -> None:
    lines = "\n".join(map(json.dumps, ROWS))
    found = best(f"Events:\n{lines}\nSum up.", meter=METER).lossless
    assert found is not None
    assert csv_typed.decode(found.text.removeprefix("Events:\n").removesuffix("\nSum up.")) == ROWS


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        DOCUMENTS.map(json.dumps)
        | st.text(max_size=60)
        | st.sampled_from([TABLE, "\n", "{", "<div>a</div>", "<p>x</p><p>y</p><p>z</p><p>w</p>"]),
        max_size=5,
    )
)
def test_segments_joined_are_the_text(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    assert "".join(segment.text for segment in split_segments(text)) == text


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS.map(json.dumps), st.text(max_size=80))
def test_the_best_never_takes_more_tokens(document: str, prose: str) -> None:
    found = best(f"{prose}\n{document}", meter=METER)
    for option in found.options:
        assert option.tokens_after < found.tokens_before
        assert option.tokens_after == METER.count_many([option.text])[0]


def test_a_class_is_listed_only_where_it_saves_more_than_the_one_before() -> None:
    found = best(json.dumps([{"a": 1, "b": None}, {"a": 2, "b": 3}] * 5), meter=METER)
    sizes = [option.tokens_after for kind in ("lossless", "near", "lossy")
             if (option := found.of(kind)) is not None]  # fmt: skip
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    "text", ["", " ", "short", '{"a":' * 30_000, "[" * 50_000, "\ud800" * 200,
             "|a|b|\n|-|-|\n" * 40,
             "<div>" * 5_000, '{"a": [1, 2, {"b": "' + "x" * 100, "\0" * 100]
)  # fmt: skip
def test_what_cannot_be_shortened_stays(text: str) -> None:
    found = best(text, allow="lossy", meter=METER)
    assert found.tokens_before >= 0
    for option in found.options:
        assert option.tokens_after < found.tokens_before


def test_estimated_counts_are_said_to_be() -> None:
    assert best(TABLE, model="gpt-4o").is_exact
    found = best(TABLE, model="nobody-knows-it")
    assert not found.is_exact
    assert found.reason is not None


def test_repeated_texts_are_looked_up() -> None:
    assert best(TABLE, meter=METER) is best(TABLE, meter=METER)
    assert len(compose._cache) <= 2_000


CHAT: dict[str, Any] = json.loads((CORPUS / "chat.json").read_text("utf-8"))


def test_a_request_keeps_its_shape_and_what_is_no_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    rows = json.dumps(ROWS, indent=2)
    request = {
        "model": "gpt-4o",
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": rows}, image]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": rows},
        ],
    }
    new = rewrite_request(request, meter=METER)
    text = new["messages"][0]["content"][0]["text"]
    assert csv_typed.decode(text) == ROWS
    assert new["messages"][0]["content"][1] == image
    assert new["messages"][1] == request["messages"][1]
    assert new["tools"] == request["tools"]
    assert new["messages"][2]["content"].startswith("[same as above, from ")
    assert best_request(request, meter=METER).notes[0].startswith("The vendor writes tool schemas")


def test_a_chats_earlier_messages_are_the_same_at_each_turn() -> None:
    messages = CHAT["messages"]
    whole = rewrite_request(messages, meter=METER)
    for turn in range(3, len(messages), 2):
        assert rewrite_request(messages[:turn], meter=METER) == whole[:turn]


def test_keeping_the_last_copy_is_advice_only_and_says_what_it_costs() -> None:
    messages = [*CHAT["messages"][1:3], CHAT["messages"][1]]
    found = best_request(messages, meter=METER)
    (option,) = found.advisory
    assert (option.steps, option.kind) == (("history_last_copy",), "near")
    assert "prefix cache misses" in option.notes[0]
    kept = json.loads(option.text)
    assert kept[0]["content"] == "[stands again below]"
    assert kept[2] == messages[2]


def test_the_quick_way_tries_less_and_is_remembered_by_itself() -> None:
    text = (CORPUS / "nested.json").read_text("utf-8")
    quick, thorough = best(text, meter=METER, is_thorough=False), best(text, meter=METER)
    assert quick.lossless is not None
    assert thorough.lossless is not None
    assert quick.lossless.steps == ("json_columnar",)
    assert thorough.lossless.tokens_after < quick.lossless.tokens_after < thorough.tokens_before / 2
