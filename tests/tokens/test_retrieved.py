"""Known texts cut out of the other parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from latprobe.tokens.dissect import dissect_request
from latprobe.tokens.part import Dissected, part_hash
from latprobe.tokens.retrieved import split_known
from tests.tokens.showing import shown

RENT = "The rent of flat 3 is 900 EUR a month."
LEASE = "The lease ends in May."


def asking(text: str) -> Dissected:
    return dissect_request([{"role": "user", "content": text}])


def test_documents_are_found_in_a_later_prompt() -> None:
    found = split_known(
        asking(f"Use these:\n{RENT}\n\n{LEASE}\n\nWhat is the rent?"),
        [("retrieved", LEASE), ("retrieved", RENT)],
    )
    assert shown(found) == [
        ("user", None, "Use these:\n"),
        ("retrieved", None, f"{RENT}\n\n"),
        ("retrieved", None, f"{LEASE}\n\n"),
        ("user", None, "What is the rent?"),
    ]


def test_a_repeated_document_is_found_each_time_with_one_hash() -> None:
    found = split_known(asking(f"{RENT} And again: {RENT}"), [("retrieved", RENT)])
    texts = [part for part in found.parts if part.kind == "retrieved"]
    assert len(texts) == 2
    assert part_hash(texts[1]) == part_hash(asking(RENT).parts[0])


def test_the_longest_text_wins_and_none_overlaps() -> None:
    known = [("retrieved", LEASE), ("few_shot", f"{RENT} {LEASE}")]
    found = split_known(asking(f"See {RENT} {LEASE} Or {LEASE}"), known)
    assert shown(found) == [
        ("user", None, "See"),
        ("few_shot", None, f" {RENT} {LEASE}"),
        ("user", None, " Or"),
        ("retrieved", None, f" {LEASE}"),
    ]


def test_other_blanks_between_the_words_do_not_hide_a_document() -> None:
    found = split_known(
        asking("So: The rent of\n  flat 3 is 900   EUR a month. Yes?"), [("retrieved", RENT)]
    )
    assert shown(found) == [
        ("user", None, "So:"),
        ("retrieved", None, " The rent of\n  flat 3 is 900   EUR a month."),
        ("user", None, " Yes?"),
    ]


def test_a_document_inside_a_tools_json_is_found_as_json_writes_it() -> None:
    text = 'Line one\nsays "two".'
    found = split_known(asking('{"hits": ["Line one\\nsays \\"two\\"."]}'), [("retrieved", text)])
    assert [part.kind for part in found.parts] == ["user", "retrieved", "user"]


def test_a_short_text_is_found_only_where_it_stands_alone() -> None:
    assert [p.kind for p in split_known(asking("In 2012"), [("retrieved", "201")]).parts] == [
        "user"
    ]
    found = split_known(asking("Flat 201, please"), [("retrieved", "201")])
    assert [part.kind for part in found.parts] == ["user", "retrieved", "user"]


def test_unknown_kinds_become_other_and_blank_texts_nothing() -> None:
    found = split_known(asking(f"{RENT} So?"), [("news", RENT), ("retrieved", "  ")])
    assert [part.kind for part in found.parts] == ["other", "user"]


def test_answers_and_tool_schemas_are_left_whole() -> None:
    request = {"messages": [], "tools": [{"name": "t", "description": RENT}]}
    whole = dissect_request(request, {"role": "assistant", "content": RENT})
    assert split_known(whole, [("retrieved", RENT)]) is whole


@given(
    st.lists(st.sampled_from(["ab", " ", "\n", "c", RENT, LEASE, "The ", "rent"]), max_size=20),
    st.lists(st.sampled_from([RENT, LEASE, "ab c", "rent", f"{RENT}\n{LEASE}"]), max_size=5),
)
def test_the_pieces_joined_are_the_text(words: list[str], known: list[str]) -> None:
    text = "x" + "".join(words)
    found = split_known(asking(text), [("retrieved", one) for one in known])
    assert "".join(part.text or "" for part in found.parts) == text
    assert all(part.text for part in found.parts)
