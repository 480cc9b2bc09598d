"""The texts that a retrieval found, from its span's attributes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

# OpenInference writes one attribute a document, the others one value for all of them.
_ONE = re.compile(r"^(?:retrieval\.documents|reranker\.output_documents)\.\d+\.document\.content$")
_ALL = ("gen_ai.retrieval.documents", "traceloop.entity.output", "output.value")
# Where objects that stand for documents keep their text.
_TEXT_KEYS = ("page_content", "content", "text", "document")
_MAX_DEPTH = 8


def document_texts(attributes: Mapping[str, object]) -> list[str]:
    """Each text once, in the order of the attributes; [] where none is told apart."""
    found: dict[str, None] = {}
    for name, value in attributes.items():
        if _ONE.match(name) and isinstance(value, str):
            found[value] = None
    if not found:
        for name in _ALL:
            found |= dict.fromkeys(_texts(_parsed(attributes.get(name)), 0))
            if found:
                break
    return [text for text in found if text.strip()]


def _texts(value: object, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            if isinstance(item, str) and depth <= 1:
                yield item
            else:
                yield from _texts(item, depth + 1)
    elif isinstance(value, Mapping):
        for key in _TEXT_KEYS:
            text = value.get(key)
            if isinstance(text, str):
                yield text
                return
        for item in value.values():
            if isinstance(item, (list, tuple, Mapping)):
                yield from _texts(item, depth + 1)


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
