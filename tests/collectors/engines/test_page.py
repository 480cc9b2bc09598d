"""The text format, with what stands on real pages and with what does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from latprobe_collectors.engines.page import names_of, read_page

WANTED = frozenset({"a", "a:b_total"})


def test_labels_times_escapes_and_exponents_are_read() -> None:
    text = (
        "# HELP a something\n# TYPE a gauge\n"
        "a 1\n"
        'a{z="1",b="x y}"} 2.5e+03 1700000000000\n'
        'a{b="say \\"hi\\"",} -1\n'
        "a:b_total{} 7\n"
        "other 3\n"
    )
    page = read_page(text, WANTED)
    assert page.series == {
        "a": {
            (): 1.0,
            (("b", "x y}"), ("z", "1")): 2500.0,
            (("b", 'say \\"hi\\"'),): -1.0,
        },
        "a:b_total": {(): 7.0},
    }
    assert names_of(text) == {"a", "a:b_total", "other"}


def test_no_number_is_no_value() -> None:
    assert read_page('a NaN\na{b="c"} +Inf\na{d\na}\na\n', WANTED).series == {}


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    for page in (text, f"a{text}", f"a{{{text}}} 1"):
        assert set(read_page(page, WANTED).series) <= WANTED
