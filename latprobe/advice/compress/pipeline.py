"""`latprobe.compress`: for use in a pipeline. It never raises there, and logs no content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from latprobe import guard
from latprobe.advice.compress.compose import best
from latprobe.advice.compress.contract import Kind
from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.request import rewrite_request
from latprobe.advice.compress.request_texts import is_request
from latprobe.errors import UsageError

_ALLOWED: tuple[Kind, ...] = ("lossless", "near")


class _UnsaidError(Exception):
    """A fault of ours, without its own words: those could hold a part of the user's text."""


def compress(obj: Any, *, model: str | None = None, allow: Kind = "lossless") -> Any:
    """The text, the value as text, or the request with shorter texts, in the fewest tokens.

    A request (a dict or a list of messages) keeps its shape; another dict or list becomes a text;
    anything else, and what cannot be shortened, comes back as it is. `allow="near"` also takes
    what rests on a named normalisation. Raises UsageError for another `allow`, and nothing else.
    """
    if allow not in _ALLOWED:
        raise UsageError(f"allow is {allow!r}; write 'lossless' or 'near'.")
    try:
        return _compressed(obj, model, allow)
    except Exception as error:
        hidden = _UnsaidError(type(error).__name__)
        guard.report("latprobe.compress", hidden)
        return obj


def _compressed(obj: Any, model: str | None, allow: Kind) -> Any:
    if isinstance(obj, str):
        return _text(obj, model, allow)
    if isinstance(obj, (dict, list)) and is_request(obj):
        return rewrite_request(obj, meter=Meter(model), allow=allow)
    if isinstance(obj, (dict, list, Mapping)):
        try:
            text = json.dumps(obj, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return obj
        return _text(text, model, allow)
    return obj


def _text(text: str, model: str | None, allow: Kind) -> str:
    found = best(text, model=model, allow=allow).best
    # What is kept aside would be lost on a caller who gets a text alone.
    if found is None or found.aside:
        found = best(text, model=model, allow="lossless").best
    return text if found is None else found.text
