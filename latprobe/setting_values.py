"""A setting's value: from the text or the table it was written as, and back to text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latprobe.delay_rule import parse_delay
from latprobe.errors import UsageError

_ON = {"on", "1", "true", "yes"}
_OFF = {"off", "0", "false", "no"}
_SWITCHES = ("agent", "otlp_content", "otlp_receiver", "thumbnails")
_NUMBERS = {"segment_bytes": 64 << 10, "content_max_bytes": 1}

Redaction = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class StageRule:
    """Which functions become stages without a change to their code.

    `pattern` is "module:function" with shell wildcards; `name` None means the function's own
    qualified name.
    """

    pattern: str
    name: str | None = None
    modality: str | None = None


def parse(name: str, raw: Any, source: str) -> Any:
    """The value of the setting `name`, given as `raw` by `source`. Raises UsageError."""
    if name in _SWITCHES:
        return _parse_switch(raw, source)
    if name == "redact":
        return _parse_redact(raw, source)
    if name == "redact_with":
        return _parse_redact_with(raw, source)
    if name in ("prices", "tokenizers"):
        return _parse_table(name, raw, source)
    if name == "engines":
        return _parse_engines(raw, source)
    if name == "content" and raw not in ("local", "off"):
        raise UsageError(f"{source} is {raw!r}; write local or off.")
    if name == "stages":
        return _parse_stages(raw, source)
    if name in ("instrument", "skip_instrument"):
        return (
            tuple(part.strip() for part in raw.split(",")) if isinstance(raw, str) else tuple(raw)
        )
    if name == "delay":
        return parse_delay(raw, source)
    if name == "kernels":
        return parse_share(raw, source)
    if name == "prometheus_port":
        return _parse_port(raw, source)
    if name == "agent_idle_s" or name in _NUMBERS:
        return _parse_number(name, raw, source)
    if not isinstance(raw, (str, Path)):
        raise UsageError(f"{source} has {name} = {raw!r}; write text.")
    return raw


def _parse_switch(raw: Any, source: str) -> bool:
    word = str(raw).lower()
    if word in _ON | _OFF:
        return word in _ON
    raise UsageError(f"{source} is {raw!r}; write on or off.")


def _parse_number(name: str, raw: Any, source: str) -> int | float:
    try:
        value = float(raw)
        if not 0 < value < 1e12:
            raise ValueError
    except (TypeError, ValueError):
        raise UsageError(f"{source} is {raw!r}; write a positive number.") from None
    if name == "agent_idle_s":
        return value
    return max(int(value), _NUMBERS[name])


def parse_share(raw: Any, source: str) -> float:
    """From 0 to 1, written as 0.02 or 2%. Raises UsageError."""
    text = str(raw).strip()
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        if not 0 <= value <= 1:
            raise ValueError
    except ValueError:
        raise UsageError(f"{source} is {raw!r}; write a share such as 2%.") from None
    return value


def _parse_port(raw: Any, source: str) -> int:
    if str(raw).isdigit() and int(raw) <= 65_535:
        return int(raw)
    raise UsageError(f"{source} is {raw!r}; write a port's number.")


def _parse_stages(raw: Any, source: str) -> tuple[StageRule, ...]:
    if isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if isinstance(raw, (list, tuple)):
        raw = {str(pattern): {} for pattern in raw}
    if not isinstance(raw, Mapping):
        raise UsageError(f'{source} has stages = {raw!r}; write a list of "module:function".')
    rules = []
    for pattern, options in raw.items():
        if ":" not in pattern or not isinstance(options, Mapping):
            raise UsageError(
                f'{source} has the stage {pattern!r}; write "module:function", wildcards allowed.'
            )
        rules.append(StageRule(pattern, options.get("name"), options.get("modality")))
    return tuple(rules)


def _parse_redact(raw: Any, source: str) -> tuple[str, ...]:
    """The patterns; in the environment one a line, since any other character may be of one."""
    patterns = raw.splitlines() if isinstance(raw, str) else raw
    if not isinstance(patterns, Iterable) or isinstance(patterns, Mapping):
        raise UsageError(f"{source} has redact = {raw!r}; write a list of regular expressions.")
    found = tuple(pattern for pattern in patterns if pattern)
    for pattern in found:
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise UsageError(
                f"{source} has the redact pattern {pattern!r}, which is no regular expression: "
                f"{error}."
            ) from None
    return found


def _parse_redact_with(raw: Any, source: str) -> str | Redaction:
    if callable(raw):
        found: Redaction = raw
        return found
    if isinstance(raw, str) and all(raw.partition(":")):
        return raw
    raise UsageError(f'{source} has redact_with = {raw!r}; write "module:function".')


def _parse_table(name: str, raw: Any, source: str) -> Mapping[str, Any]:
    """A table of pyproject.toml; in the environment, as the agent gets it, a JSON object."""
    if isinstance(raw, str):
        import json

        try:
            raw = json.loads(raw)
        except ValueError:
            raw = None
    if not isinstance(raw, Mapping):
        raise UsageError(f"{source} is not a table; write [tool.latprobe.{name}] with its entries.")
    if name == "tokenizers":
        return {str(key): _located(value, source) for key, value in raw.items()}
    return dict(raw)


def _parse_engines(raw: Any, source: str) -> Mapping[str, str]:
    """A table, or "name=URL,name=URL" in the environment; several addresses stand in one text."""
    if isinstance(raw, str) and not raw.lstrip().startswith("{"):
        entries = [entry.partition("=") for entry in raw.split(",") if entry.strip()]
        raw = {name.strip(): url.strip() for name, _, url in entries}
    table = _parse_table("engines", raw, source)
    found = {
        str(name): " ".join(value) if isinstance(value, list) else str(value)
        for name, value in table.items()
    }
    for name, value in found.items():
        if not name or not value.startswith(("http://", "https://")):
            raise UsageError(
                f"{source} has the engine {name!r} at {value!r}; write the http:// address of its "
                "metrics page."
            )
    return found


def _located(value: Any, source: str) -> str:
    """A path to a tokenizer's file, from where it was written; the agent works elsewhere."""
    text = str(value)
    path, colon, attribute = text.rpartition(":")
    if not path.endswith(".py"):
        path, colon, attribute = text, "", ""
    if path.endswith((".json", ".py")) and source.endswith(".toml"):
        path = str((Path(source).parent / Path(path).expanduser()).absolute())
    return path + colon + attribute


def setting_text(value: Any) -> str | None:
    """A setting's value as the environment has it, None where it has no text (a function)."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return "\n".join(value)
    if isinstance(value, Mapping):
        import json

        return json.dumps(value, default=str)
    return None if callable(value) else str(value)
