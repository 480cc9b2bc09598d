"""Texts that may be JSON, or nearly."""

from __future__ import annotations

import pytest

from latprobe.tokens.json_values import BROKEN, MAX_LITERAL, unwrapped

MESSAGES = [{"role": "user", "content": 'It\'s "here"\n'}, {"n": None, "ok": True}]


@pytest.mark.parametrize("around", ["{}", "\ufeff{}", " \n{} "])
def test_what_str_makes_of_messages_is_read(around: str) -> None:
    assert unwrapped(around.format(str(MESSAGES))) == MESSAGES


def test_a_byte_order_mark_before_json_is_no_part_of_it() -> None:
    assert unwrapped('\ufeff[{"role": "user"}]') == [{"role": "user"}]


@pytest.mark.parametrize(
    "text",
    [
        "[{'role': 'user', 'content': 'lorem",
        "[{'role': open('x')}]",
        "[{'role': nan}]",
        "[{'role': {1, 2}}]",
        "[{'role': b'user'}]",
        "[HumanMessage(content='x')]",
        "['\0']",
        "['\ud800']",
        "['" + "[" * 5_000,
        "[{'a': " + "[" * 5_000,
        "[{'a': " + "-" * 50_000 + "1}]",
        "[{'a': " + "1+" * 50_000 + "1}]",
        str(["x" * MAX_LITERAL]),
    ],
)
def test_what_is_neither_is_broken(text: str) -> None:
    assert unwrapped(text) is BROKEN


@pytest.mark.parametrize("value", ["'quoted'", "plain", "", None, 7, ["{"]])
def test_what_is_no_list_or_object_stays(value: object) -> None:
    assert unwrapped(value) == value
