"""Texts of retrieved documents, in every writing of them."""

from __future__ import annotations

import json

import pytest

from latprobe.tokens.documents import document_texts

OBJECTS = [{"content": "One.", "score": 0.5}, {"text": "Two."}, {"page_content": "Three."}]


@pytest.mark.parametrize(
    ("attributes", "texts"),
    [
        (
            {
                "retrieval.documents.0.document.content": "One.",
                "retrieval.documents.0.document.score": 0.5,
                "retrieval.documents.1.document.content": "Two.",
                "output.value": '["Three."]',
            },
            ["One.", "Two."],
        ),
        ({"reranker.output_documents.0.document.content": "One."}, ["One."]),
        ({"gen_ai.retrieval.documents": json.dumps(OBJECTS)}, ["One.", "Two.", "Three."]),
        ({"gen_ai.retrieval.documents": ["One.", "Two.", "One.", " "]}, ["One.", "Two."]),
        (
            {"traceloop.entity.output": json.dumps({"documents": OBJECTS})},
            ["One.", "Two.", "Three."],
        ),
        ({"output.value": json.dumps([{"document": {"content": "One."}}])}, ["One."]),
        ({"output.value": "no JSON at all"}, []),
        ({"output.value": "[" * 100_000}, []),
        ({"gen_ai.retrieval.documents": 7, "other": "One."}, []),
    ],
)
def test_each_document_is_one_text(attributes: dict[str, object], texts: list[str]) -> None:
    assert document_texts(attributes) == texts
