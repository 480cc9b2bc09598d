"""Texts without roles: a completion's prompt, texts to embed."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.content import read_content
from latprobe.tokens.formats.openai_chat import read_choices
from latprobe.tokens.json_values import as_text, first_at, text_at
from latprobe.tokens.reading import Piece, Reading, Turn

_NAMES = ("prompt", "input", "inputs", "text", "texts", "value", "values", "query")


def read(request: object, response: object) -> Reading | None:
    """A text, a list of texts, or an object that holds one under a usual name; else None."""
    if isinstance(request, str):
        values: list[object] = [request]
    elif isinstance(request, list) and request and all(isinstance(i, str) for i in request):
        values = list(request)
    elif isinstance(request, (dict, Mapping)) and (value := first_at(request, *_NAMES)) is not None:
        values = list(value) if isinstance(value, (list, tuple)) else [value]
    else:
        return None
    reading = Reading("plain", is_chat=False)
    system = text_at(request, "system") if isinstance(request, (dict, Mapping)) else None
    if system is not None:
        reading.input.append(Turn("system", (Piece("text", system),)))
    pieces = [piece for value in values for piece in _pieces(value, reading)]
    reading.input.append(Turn(None, tuple(pieces)))
    if response is not None:
        reading.output = read_choices(_answer(response), reading)
    return reading


def _pieces(value: object, reading: Reading) -> list[Piece]:
    """A text, or the numbers of an already tokenized one."""
    if isinstance(value, str):
        return read_content(value, reading)
    reading.note("a prompt is no text")
    return [Piece("other", as_text(value))]


def _answer(response: object) -> object:
    """Of an embedding's answer nothing: vectors are no tokens. Ollama's text as a text."""
    if isinstance(response, (dict, Mapping)):
        if isinstance(response.get("data"), list):
            return None
        return text_at(response, "response", "generated_text", "text", "completion") or response
    return response
