"""What is claimed lossless comes back, for any JSON; tests/benchmarks/compress.py tries 10,000."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from latprobe.advice.compress.contract import Candidate
from latprobe.advice.compress.decode import decompress
from latprobe.advice.compress.exact_json import context_of
from latprobe.advice.compress.json_forms import json_candidates
from tests.advice.compress.documents import DOCUMENTS


def lossless(text: str) -> list[Candidate]:
    return [
        candidate
        for candidate in json_candidates(text, context_of(text))
        if candidate.kind == "lossless"
    ]


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_every_lossless_candidate_of_any_json_decodes_to_it(value: object) -> None:
    text = json.dumps(value, indent=2)
    for candidate in lossless(text):
        decoded = decompress(candidate.text, *candidate.steps)
        # The standard library's words for types: 1, 1.0, true and key order all differ here.
        assert json.dumps(decoded) == json.dumps(json.loads(text)), candidate.steps
        candidate.text.encode()


@pytest.mark.parametrize(
    "text",
    [
        '{"price": 1.10, "big": 123456789012345678901234567890, "tiny": 1E-7, "minus": -0}',
        '[{"a": 1.10, "b": 2.50}, {"a": 3.00, "b": 2.50}, {"a": 1e400, "b": 2.50}]',
    ],
)
def test_the_spelling_of_numbers_is_kept(text: str) -> None:
    found = lossless(text)
    assert found
    for candidate in found:
        for spelling in ("1.10", "-0" if "minus" in text else "3.00"):
            assert spelling in candidate.text, candidate.steps


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2, "list": [1, 2, 3, 4, 5, 6, 7, 8, 9]}',
        '{"a": NaN, "list": [1, 2, 3, 4, 5, 6, 7, 8, 9]}',
        '{"a": 1, "list": [1, 2, 3, 4, 5',
        '"only a text"',
        "[" * 100_000,
    ],
)
def test_what_is_no_exact_json_has_no_candidate(text: str) -> None:
    assert json_candidates(text, context_of(text)) == []


def test_a_doubled_key_is_said() -> None:
    assert context_of('{"a": 1, "a": 2}').notes == [
        "an object has a key twice, so that no rewriting of the JSON is lossless"
    ]


def test_lone_surrogates_stay_escaped_so_that_the_text_can_be_sent() -> None:
    texts = [candidate.text for candidate in lossless('{"a": "\\ud800", "b": "\\u00e9"}')]
    assert '{"a":"\\ud800","b":"é"}' in texts


def test_other_key_order_is_not_called_lossless_by_the_table_notations() -> None:
    text = json.dumps([{"a": 1, "b": 2}, {"b": 3, "a": 4}, {"a": 5, "b": 6}])
    assert {candidate.steps for candidate in lossless(text)} == {("json_minify",)}
