"""Repeated and nearly repeated blocks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.advice.compress import few_shot, log_templates, near_repeats, pointers, repeats
from latprobe.advice.compress.contract import Context

RULE = (
    "Refunds are paid to the original payment method within 14 days after the goods have arrived. "
    "Orders paid with a gift card are refunded as store credit and never in cash, except where "
    "the law demands it. Refunds over 1,000 EUR need the approval of a team lead."
)
WORDS = st.sampled_from(
    ["refunds are paid within 14 days of the return", "[A] stands for: x", "", " ", "a", "A 1 2",
     '[same as above: "refunds ..."]', RULE, RULE.replace("14", "30"), "2026-01-02 10:00:01 x=1"]
)  # fmt: skip


def test_a_line_that_stands_again_is_a_pointer() -> None:
    (found,) = repeats.candidates(f"{RULE}\n\nHello.\n\n{RULE}\n", Context())
    assert found.text == f'{RULE}\n\nHello.\n\n[same as above: "Refunds are paid ..."]\n'
    assert pointers.decode(found.text) == f"{RULE}\n\nHello.\n\n{RULE}\n"


def test_separators_behind_a_repeated_block_are_left_standing() -> None:
    other = "Parcels over 30 kg go by freight, and are announced by the haulier the day before."
    text = f"Context:\n---\n{RULE}\n---\n{other}\n---\n{RULE}\n---\nQuestion: who pays?"
    (found,) = repeats.candidates(text, Context())
    assert found.text.count(RULE) == 1
    assert found.text.endswith('above: "Refunds are paid ..."]\n---\nQuestion: who pays?')
    assert pointers.decode(found.text) == text


def test_what_stands_before_a_pointer_never_changes() -> None:
    earlier = repeats.Earlier()
    first = f"Context:\n{RULE}\n\nWhat about cards?"
    assert earlier.pointed(first) is None
    second = earlier.pointed(f"Context:\n{RULE}\n\nAnd abroad?")
    assert second is not None
    assert second.text == 'Context:\n[same as above: "Refunds are paid ..."]\n\nAnd abroad?'
    assert pointers.decode(second.text, first) == f"Context:\n{RULE}\n\nAnd abroad?"


def test_a_paragraph_that_nearly_stands_again_names_the_difference() -> None:
    text = f"{RULE}\n\nAnd for business customers:\n\n{RULE.replace('14', '30')}"
    (found,) = near_repeats.candidates(text, Context())
    assert found.text.endswith(', but ["14 ", "30 "]]')
    assert (found.kind, pointers.decode(found.text)) == ("lossless", text)


def test_a_negation_that_differs_is_put_back() -> None:
    text = f"{RULE}\n\n{RULE.replace('are refunded', 'are not refunded')}"
    (found,) = near_repeats.candidates(text, Context())
    assert "not " in found.text.rpartition("but")[2]
    assert pointers.decode(found.text) == text


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=14), st.sampled_from(["\n", "\n\n", "\r\n"]))
def test_any_text_of_lines_comes_back(lines: list[str], between: str) -> None:
    text = between.join(lines)
    for candidate in repeats.candidates(text, Context()):
        assert pointers.decode(candidate.text) == text
    for candidate in near_repeats.candidates(text, Context()):
        assert pointers.decode(candidate.text) == text
    for candidate in few_shot.candidates(text, Context()):
        assert few_shot.decode(candidate.text) == text
    for candidate in log_templates.candidates(text, Context()):
        assert log_templates.decode(candidate.text) == text


LOG = st.lists(
    st.one_of(
        st.builds("{} GET /orders/{} in {} ms".format, st.times(), st.integers(), st.integers()),
        st.builds("{} user={} #{}".format, st.dates(), st.text(max_size=4), st.floats()),
        st.text(max_size=12),
    ),
    min_size=5,
    max_size=30,
).map("\n".join)


@settings(max_examples=100, deadline=None)
@given(LOG)
def test_any_log_comes_back(text: str) -> None:
    for candidate in log_templates.candidates(text, Context()):
        assert log_templates.decode(candidate.text) == text
