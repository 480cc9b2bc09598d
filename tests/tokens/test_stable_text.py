"""What two prompts share, and how it is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from latprobe.tokens.stable_text import (
    END,
    SECTION,
    clean,
    common_pieces,
    holds,
    length_by_kind,
    shown,
    without_kinds,
)


def frame(**parts: str) -> str:
    """A frame of sections by their letter."""
    return "".join(SECTION + letter + text for letter, text in parts.items()) + END


def test_a_date_a_name_and_a_question_are_changing_places() -> None:
    one = frame(s="You help Ann. Now it is 2026-11-02T10:00:07Z. Be kind.", u="Sum up: cats purr")
    other = frame(s="You help Bob. Now it is 2026-11-03T09:00:01Z. Be kind.", u="Sum up: dogs")
    pieces = common_pieces((one,), other)
    assert shown(pieces) == "You help{…}. Now it is{…}. Be kind.\n\nSum up:{…}"
    assert holds(one, pieces)
    assert holds(other, pieces)


def test_text_without_spaces_is_compared_by_characters() -> None:
    one, other = frame(u="请翻译成英文:我喜欢猫。谢谢你"), frame(u="请翻译成英文:他有狗。谢谢你")
    assert shown(common_pieces((one,), other)) == "请翻译成英文:{…}。谢谢你"


def test_the_labels_of_lines_stay() -> None:
    one = frame(u="Context: red apples fall\nQuestion: who eats them\nAnswer:")
    other = frame(u="Context: a green pear\nQuestion: where is it\nAnswer:")
    assert shown(common_pieces((one,), other)) == "Context:{…}\nQuestion:{…}\nAnswer:"


def test_words_that_any_two_texts_share_are_not_stable() -> None:
    one = frame(u="one of the cats went home again in the rain of May")
    other = frame(u="what is one of the best ways in winter to sleep")
    assert length_by_kind(common_pieces((one,), other), "u") <= len("one of the")


def test_a_part_of_another_kind_can_be_left_out() -> None:
    one = frame(s="System text", u="User text")
    assert without_kinds((one,), "u") == (SECTION + "sSystem text" + SECTION + "u", END)
    assert without_kinds((one,), "s") == (SECTION + "s", SECTION + "uUser text" + END)


texts = st.text(st.characters(codec="utf-8") | st.sampled_from(" \n.,{}猫09"), max_size=60)


@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, min_size=1, max_size=4))
def test_what_is_shared_stands_in_both(ours: list[str], theirs: list[str]) -> None:
    one, other = (SECTION + "u" + clean(" ".join(parts)) + END for parts in (ours, theirs))
    pieces = common_pieces((one,), other)
    assert holds(one, pieces)
    assert holds(other, pieces)
    assert common_pieces((one,), one) == (one,)
    again = common_pieces(pieces, one)
    assert holds(one, again)
