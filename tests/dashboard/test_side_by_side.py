"""Two texts side by side: what is marked, and what the browser gets."""

from __future__ import annotations

from latprobe_dashboard.charts import side_by_side
from latprobe_dashboard.text_changes import MOST_LINES, MOST_WORDS, SHOWN_CHARS, changes


def test_changes_are_marked_by_word_then_by_line_then_not() -> None:
    found = changes('{"a": 1}', '{"a":1}')
    assert found.by == "words"
    assert "".join(run.text for run in found.before) == '{"a": 1}'
    assert [run.text for run in found.before if run.mark != "same"] == [" "]
    many = "word " * MOST_WORDS
    assert changes(many, many + "more\n").by == "lines"
    lines = "x\n" * (MOST_LINES + 1) * 30
    assert changes(lines, "x").by == "nothing"
    assert sum(len(run.text) for run in changes(lines, "x").before) == SHOWN_CHARS


def test_the_browser_gets_texts_as_data() -> None:
    bad = "<script>\x00\u202e</script>"
    drawn = side_by_side.pair_data(bad, "b", before_note="", after_note="", height=9)
    words = "".join(text for _, text in drawn["sides"][0]["runs"])
    assert words == "<script>\\x00[U+202E]</script>"
    assert drawn["copied"] == "b"
    assert drawn["marked"]


def test_a_text_that_nothing_changes_is_drawn_once_with_nothing_to_copy() -> None:
    drawn = side_by_side.pair_data("a b", "a b", before_note="3 tokens", after_note="", height=9)
    assert [(side["label"], side["note"]) for side in drawn["sides"]] == [("Text", "3 tokens")]
    assert (drawn["copied"], drawn["marked"]) == ("", False)
