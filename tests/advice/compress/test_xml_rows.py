"""XML whose rows are written as CSV, and XML that is left as it is."""

from __future__ import annotations

import pytest

from latprobe.advice.compress import xml_rows
from latprobe.advice.compress.compose import best
from latprobe.advice.compress.contract import Context
from latprobe.advice.compress.decode import decompress


def orders(rows: int = 8, *, cell: str = "Graz, east") -> str:
    inner = "\n".join(
        f'  <order id="{n}">\n    <city>{cell}</city>\n    <total>{n * 3}.50</total>\n  </order>'
        for n in range(rows)
    )
    return f'<orders day="2026-03-01">\n{inner}\n</orders>'


def test_rows_stand_as_csv_between_the_tags_around_them() -> None:
    (found,) = xml_rows.candidates(orders(), Context())
    assert found.kind == "near"
    lines = found.text.split("\n")
    assert lines[:4] == [
        '<orders day="2026-03-01">', "order:", "@id,city,total", '0,"Graz, east",0.50'
    ]  # fmt: skip
    assert lines[-1] == "</orders>"
    rows = decompress(found.text, *found.steps)
    assert (rows.tag, rows.row, len(rows.cells)) == ("orders", "order", 8)


def test_they_are_found_within_a_prompt_and_within_other_elements() -> None:
    ahead = "Which of these are late?\n<data>\n<note>all of May</note>\n"
    text = f"{ahead}{orders(40)}\n</data>\nSay."
    found = best(text, allow="near").near
    assert found is not None
    assert found.steps == ("xml_rows",)
    assert found.tokens_after < 0.5 * best(text).tokens_before
    assert found.text.startswith(
        "Which of these are late?\n<data>\n<note>all of May</note>\n<orders"
    )
    assert found.text.endswith("\n</orders>\n</data>\nSay.")


@pytest.mark.parametrize(
    "text",
    [
        orders(4),
        orders(cell="a sentence that goes on and on, " * 8),
        orders(cell="<b>Graz</b> east"),
        orders().replace("</order>", "</order><!-- old -->", 1),
        orders().replace("</orders>", "and more</orders>"),
        orders().replace("<city>Graz, east</city>", "", 1),
        orders().replace("</order>", "", 1),
        orders().replace("Graz", "Graz &who;"),
        "".join(
            f"<document><source>{n}</source>A passage.\nWith lines.</document>" for n in range(9)
        ),
    ],
    ids=["few", "long", "nested", "comment", "text", "uneven", "broken", "entity", "passages"],
)
def test_what_is_more_than_flat_rows_is_left_alone(text: str) -> None:
    assert xml_rows.candidates(text, Context()) == []
    option = best(text, allow="near").near
    assert option is None or "xml_rows" not in option.steps


def test_many_open_tags_take_no_time() -> None:
    text = "<a><b> x " * 30_000
    assert best(text, allow="near").near is None
