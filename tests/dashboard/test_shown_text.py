"""Text from traces stays text."""

from __future__ import annotations

from latprobe_dashboard import shown_text


def test_markup_is_escaped() -> None:
    assert shown_text.markup('<script>alert("1")</script>') == (
        "<bdi>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;</bdi>"
    )


def test_control_characters_are_spelled_out() -> None:
    assert shown_text.line("a\x00b\x1b[31mc\nd\x85") == r"a\x00b\x1b[31mc\nd\x85"


def test_marks_that_reorder_text_are_spelled_out() -> None:
    assert shown_text.line("invoice\u202efdp.exe") == "invoice[U+202E]fdp.exe"


def test_an_empty_name_is_called_empty() -> None:
    assert shown_text.line("") == "(empty)"
    assert shown_text.line(None) == "(empty)"


def test_a_megabyte_name_is_cut_and_says_how_long_it_was() -> None:
    assert shown_text.line("x" * 1_048_576) == "x" * 80 + "… (1,048,576 characters)"


def test_emoji_and_other_scripts_are_left_as_they_are() -> None:
    assert shown_text.line("résumé 文書 🙂") == "résumé 文書 🙂"


def test_half_a_character_cannot_break_the_page() -> None:
    assert shown_text.line("\ud83d") == "\ufffd"


def test_a_block_keeps_its_lines_and_tabs() -> None:
    assert shown_text.block("a\tb\nc\x07") == "a\tb\nc\\x07"


def test_attributes_that_are_not_text_are_shown_as_json() -> None:
    assert shown_text.value({"page": 3, "tags": ["a"]}) == '{"page": 3, "tags": ["a"]}'


def test_a_span_without_a_reported_status_went_well() -> None:
    assert [shown_text.outcome(each) for each in ("unset", "ok", "error")] == ["ok", "ok", "error"]


def test_a_name_that_nobody_can_see_is_said_to_be_blank() -> None:
    assert [shown_text.line(each) for each in ("", "  ", "\u00a0", "\u200e\ufeff")] == [
        "(empty)", "(blank)", "(blank)", "(blank)"
    ]  # fmt: skip
    assert shown_text.line(" a ") == " a "
