"""A file with a request, several of them, or a text; as people save them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from latprobe.errors import UsageError
from latprobe.tokens.json_values import text_at, unwrapped

_SNIFFED_BYTES = 8_192
_JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
# Without those that texts have: tab, line, form feed, return, and the start of a terminal's colour.
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\f\r\x1b")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# A request has one of them, and what a file keeps of a call beside its request has none.
_REQUEST_NAMES = frozenset({"messages", "contents", "input", "inputs", "prompt", "instructions"})
_ANSWER_NAMES = frozenset({"choices", "candidates", "output", "generations"})
BATCH = "batch"
# OpenAI's and most others', gen_ai's attributes, Bedrock's, LangChain's, Gemini's answer's.
_MODEL_NAMES = (
    "model", "gen_ai.response.model", "gen_ai.request.model", "modelId", "model_id", "model_name",
    "modelVersion",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SavedCall:
    """A request, and the answer where the file has it; `label` says where it stood.

    `usage` is what a file keeps of it beside the answer. `tier` is "batch" for a line of a
    vendor's batch, None where the file does not say.
    """

    request: object
    response: object | None
    label: str
    usage: object | None = None
    tier: str | None = None

    @property
    def model(self) -> str | None:
        """The model that the request or the answer names."""
        for holder in (self.request, self.response):
            found = text_at(holder, *_MODEL_NAMES) if isinstance(holder, dict) else None
            if found is not None:
                return found
        return None


def read_calls(name: str) -> list[SavedCall]:
    """The calls in a file, `-` for stdin; raises UsageError for what is no text or no JSON.

    A whole file that is JSON is one call, or a list of them; one whose lines are JSON several, any
    other a text. Only where the name says .json or .jsonl must it be JSON.
    """
    text = read_text(name)
    suffix = "" if name == "-" else Path(name).suffix.lower()
    if not text or (suffix in _JSON_SUFFIXES and not text.strip()):
        raise UsageError(f"{name} is empty; give a request as JSON, or a text.")
    if suffix in _JSON_SUFFIXES[1:]:
        return _lines(name, text)
    try:
        return _calls(_loads(text), name)
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
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8"  # PowerShell writes UTF-16
    start = data[:_SNIFFED_BYTES]
    if encoding == "utf-8" and sum(map(start.count, _CONTROLS)) * 3 > len(start):
        raise UsageError(f"{name} is binary; give a request as JSON, or a text.")
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode(encoding, "surrogatepass")
    except UnicodeDecodeError as error:
        if 0 in start:
            raise UsageError(f"{name} is binary; give a request as JSON, or a text.") from None
        where = f"is not {encoding.upper()} at byte {error.start:,}"
        raise UsageError(f"{name} {where}; convert it.") from None


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
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python reads 4,300 digits at most
        raise UsageError("The JSON has a number of thousands of digits, which is none.") from None
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


def _calls(value: object, label: str) -> list[SavedCall]:
    """One call, or each of a list of whole requests."""
    if isinstance(value, list) and value and all(map(_is_whole, value)):
        return [_call(item, f"{label}[{number}]") for number, item in enumerate(value)]
    return [_call(value, label)]


def _is_whole(item: object) -> bool:
    return (
        isinstance(item, dict)
        and "role" not in item
        and bool({"request", "messages", "contents"} & item.keys())
    )


def _call(value: object, label: str) -> SavedCall:
    """A request alone, with its answer, as a line of a vendor's batch, or an answer alone."""
    if not isinstance(value, dict) or _REQUEST_NAMES & value.keys():
        return SavedCall(value, None, label)
    tier = BATCH if "custom_id" in value else None
    if "request" in value:
        request, response = _body(value["request"]), _body(value.get("response"))
        return SavedCall(request, response, label, value.get("usage"), tier)
    if tier is not None or "url" in value:
        request = value.get("body", value.get("params"))
        if isinstance(request, dict):
            return SavedCall(request, None, label, tier=tier)
    answer = _answer(value)
    if answer is not None:
        return SavedCall(None, answer, label, tier=tier)
    return SavedCall(value, None, label)


def _body(value: object) -> object:
    """What a saved HTTP message carries; anything else as it is."""
    if isinstance(value, dict) and {"method", "url", "headers", "status_code"} & value.keys():
        return unwrapped(value.get("body", value.get("json", value)))
    return value


def _answer(value: dict[str, object]) -> object | None:
    """The answer that stands alone, or in a line of a batch's results; None where there is none."""
    held = value.get("response", value.get("result"))
    inner = _body(held)
    if isinstance(inner, dict):
        found = inner.get("message") if "result" in value else inner
        return found if isinstance(found, dict) else inner
    is_answer = _ANSWER_NAMES & value.keys() or value.get("type") == "message"
    return value if is_answer and value.keys() & {"usage", "usageMetadata", "object"} else None


def _place(name: str, error: json.JSONDecodeError, *, line: int | None = None) -> str:
    return f"{_where(name, error, line=line)}. For a text, give it another ending."


def _where(name: str, error: json.JSONDecodeError, *, line: int | None = None) -> str:
    where = f"line {line or error.lineno}, column {error.colno}"
    return f"{name} is no JSON: {error.msg.removesuffix(' at')} at {where}"
