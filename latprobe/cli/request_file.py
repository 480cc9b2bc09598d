"""A file with a request, several of them, or a text; as people save them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from latprobe.errors import UsageError

_SNIFFED_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class SavedCall:
    """A request, and the answer where the file has it; `label` says where it stood."""

    request: object
    response: object | None
    label: str

    @property
    def model(self) -> str | None:
        """The model that the request or the answer names."""
        for holder in (self.request, self.response):
            if isinstance(holder, dict) and isinstance(holder.get("model"), str):
                return str(holder["model"])
        return None


def read_calls(name: str) -> list[SavedCall]:
    """The calls in a file, `-` for stdin; raises UsageError for what is no text or no JSON.

    A whole file that is JSON is one call, one whose lines are JSON several, any other a text.
    Only where the name says .json or .jsonl must it be JSON.
    """
    text = read_text(name)
    suffix = "" if name == "-" else Path(name).suffix.lower()
    if not text.strip():
        raise UsageError(f"{name} is empty; give a request as JSON, or a text.")
    if suffix in (".jsonl", ".ndjson"):
        return _lines(name, text)
    try:
        return [_call(_loads(text), name)]
    except json.JSONDecodeError as error:
        if suffix == ".json":
            raise UsageError(_place(name, error)) from None
    found = _lines_or_none(name, text)
    return found or [SavedCall(text, None, name)]


def read_text(name: str) -> str:
    """A file's text, `-` for stdin; raises UsageError for what is no text in UTF-8."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except IsADirectoryError:
        raise UsageError(f"{name} is a folder; give a file.") from None
    except FileNotFoundError:
        raise UsageError(f"There is no file {name}.") from None
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.") from None
    if b"\0" in data[:_SNIFFED_BYTES]:
        raise UsageError(f"{name} is binary; give a request as JSON, or a text.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 at byte {error.start:,}; convert it.") from None


def not_json(name: str, text: str) -> str | None:
    """Where a file that is called .json stops being JSON; None where it is, or has another name."""
    if name == "-" or Path(name).suffix.lower() != ".json":
        return None
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _where(name, error)
    except RecursionError:
        return f"{name} is nested too deeply to be read as JSON"
    return None


def _loads(text: str) -> object:
    try:
        found: object = json.loads(text)
    except RecursionError:
        raise UsageError("The JSON is nested too deeply to be a request.") from None
    return found


def _lines(name: str, text: str) -> list[SavedCall]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                value = _loads(line)
            except json.JSONDecodeError as error:
                raise UsageError(_place(name, error, line=number)) from None
            found.append(_call(value, f"{name}:{number}"))
    return found


def _lines_or_none(name: str, text: str) -> list[SavedCall] | None:
    """Several lines that are each a JSON object; None if any is none."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        return _lines(name, text)
    except UsageError:
        return None


def _call(value: object, label: str) -> SavedCall:
    if isinstance(value, dict) and "request" in value and value.keys() <= _PAIR_NAMES:
        return SavedCall(value["request"], value.get("response"), label)
    return SavedCall(value, None, label)


_PAIR_NAMES = {"request", "response", "usage", "model", "id", "billed", "source", "url"}


def _place(name: str, error: json.JSONDecodeError, *, line: int | None = None) -> str:
    return f"{_where(name, error, line=line)}. For a text, give it another ending."


def _where(name: str, error: json.JSONDecodeError, *, line: int | None = None) -> str:
    where = f"line {line or error.lineno}, column {error.colno}"
    return f"{name} is no JSON: {error.msg.removesuffix(' at')} at {where}"
