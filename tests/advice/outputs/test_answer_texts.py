"""What answers are taken apart into: JSON and prose, echoes, openings, edits, fields."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.advice.outputs.echoes import Grams, apart, cut_out
from latprobe.advice.outputs.fields import leaves, paths, without
from latprobe.advice.outputs.json_answers import find_json, in_style_of, unfenced
from latprobe.advice.outputs.line_edits import applied, pieces, rewrite_of
from latprobe.advice.outputs.shared_ends import shared_end, shared_start

_TEXT = st.text(alphabet="ab .\n", max_size=60)


def test_the_longest_json_is_found_with_what_stands_around_it() -> None:
    found = find_json('As {x} says:\n```json\n{"a": [1, 2]}\n```\nBye {"b":1}')
    assert found is not None
    assert (found.value, found.text) == ({"a": [1, 2]}, '{"a": [1, 2]}')
    assert (found.before, found.after) == ("As {x} says:\n```json\n", '\n```\nBye {"b":1}')
    assert not found.is_bare


def test_broken_json_and_plain_prose_are_no_json() -> None:
    assert find_json('{"a": [1, 2') is None
    assert find_json("no brackets") is None
    assert find_json("{" * 100_000) is None
    assert find_json("[]") is None


def test_a_value_is_written_in_the_style_it_was_found_in() -> None:
    value = {"a": [1], "b": "x"}
    for text in (
        '{"a":[1],"b":"x"}',
        '{"a": [1], "b": "x"}',
        '{\n  "a": [\n    1\n  ],\n  "b": "x"\n}',
    ):
        assert in_style_of(value, text) == text


def test_a_fence_around_everything_is_taken_off() -> None:
    assert unfenced("```python\nx = 1\n```") == "x = 1"
    assert unfenced("see ```x``` there") == "see ```x``` there"


def test_spans_of_the_prompt_are_found_whatever_their_case_and_punctuation() -> None:
    grams = Grams(["One two, three four five six seven eight nine ten."])
    answer = "Well: one two three Four five six seven eight nine! And more of mine."
    (echo,) = grams.echoes(answer)
    assert answer[echo.start : echo.end] == "one two three Four five six seven eight nine"
    assert echo.words == 9
    assert cut_out(answer, [echo]) == "Well: …! And more of mine."
    assert grams.echoes(answer, least_words=10) == []


def test_of_echoes_that_overlap_the_longer_one_stays() -> None:
    text = " ".join(f"w{at}" for at in range(30))
    short, long = Grams([text[:60]]).echoes(text), Grams([text]).echoes(text)
    assert apart([*short, *long]) == long


def test_an_opening_is_what_nearly_all_begin_with() -> None:
    answers = [f"Dear customer, thank you. {word} is it" for word in "abcdefghi"]
    assert shared_start([*answers, "No."]) == "Dear customer, thank you."
    assert shared_end(answers) == " is it"
    assert shared_start(["a b", "c d"]) == ""
    assert shared_start([]) == ""


@settings(max_examples=100, deadline=None)
@given(old=_TEXT, new=_TEXT)
def test_edits_give_the_new_text_back(old: str, new: str) -> None:
    assert "".join(pieces(old)) == old
    rewrite = rewrite_of(old, new)
    assert rewrite is not None
    assert applied(old, list(rewrite.all_edits)) == new


def test_only_the_changed_line_is_written() -> None:
    old = "\n".join(f"line {at}" for at in range(20))
    found = rewrite_of(old, old.replace("line 7\n", "line seven\n"))
    assert found is not None
    assert found.written == "<<<<\nline 7\n====\nline seven\n>>>>"
    assert found.is_inside


def test_fields_are_named_by_their_paths() -> None:
    value = {"a": {"b": 1}, "c": [{"d": 2, "e": "x"}], "f": []}
    assert list(paths(value)) == ["a", "a.b", "c", "c[].d", "c[].e", "f"]
    assert list(leaves(value)) == [("a.b", 1), ("c[].d", 2), ("c[].e", "x")]
    assert without(value, {"a.b", "c[].e", "f"}) == {"a": {}, "c": [{"d": 2}]}
