"""The user's redaction: what is taken out of text before it is written anywhere.

Regular expressions go over the text of all attributes, the callable over content only
(`latprobe.otel.content_names`). Where the callable fails the content is dropped and its size kept.
Runs in the user's process, and in the agent for what other programs send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from latprobe import guard
from latprobe.journal.plain import plain, plain_text
from latprobe.otel.content_names import MESSAGE_NAMES, is_content, is_event_content
from latprobe.otel.names import SHORT_NAMES, TEXT_NAMES
from latprobe.setting_values import Redaction

REPLACEMENT = "[redacted]"
MAX_DEPTH = 16
# What becomes a column of its own; a pattern that is meant for people's names leaves a model's.
_KEPT_NAMES = SHORT_NAMES.union(*TEXT_NAMES.values(), ("exception.type",))
# While the user's callable runs, whatever it records itself is not given to it again.
_is_running: ContextVar[bool] = ContextVar("latprobe_redacting", default=False)


class _FailedError(Exception):
    """The callable gave no text."""


class Redactor:
    """Takes what the settings name out of attributes and events. Never raises what the callable
    raises; `dropped` counts the contents it failed on."""

    def __init__(
        self, patterns: tuple[str, ...] = (), function: str | Redaction | None = None
    ) -> None:
        self.dropped = 0
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self._function = function
        self._found: Redaction | None = None

    def attributes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """A span's or a link's attributes, redacted."""
        return {
            name: value
            if name in _KEPT_NAMES
            else self._value(value, is_content=is_content(plain_text(name)))
            for name, value in attributes.items()
        }

    def event(self, event: str, attributes: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """An event's attributes, redacted."""
        if not attributes:
            return None
        return {
            name: value
            if name in _KEPT_NAMES
            else self._value(
                value, is_content=name in MESSAGE_NAMES or is_event_content(event, plain_text(name))
            )
            for name, value in attributes.items()
        }

    def message(self, text: str) -> str:
        """A status message, redacted; a note of its size where that failed."""
        found = self._value(text, is_content=True)
        return found if isinstance(found, str) else f"[{found['bytes']} bytes, not redacted]"

    def _value(self, value: Any, *, is_content: bool) -> Any:
        kind = type(value)
        if kind is int or kind is float or kind is bool or value is None:
            return value
        function = self._function if is_content else None
        value = plain(value)
        try:
            return self._walk(value, function, 0)
        except _FailedError:
            self.dropped += 1
            return {"bytes": _size(value), "redaction": "failed"}

    def _walk(self, value: Any, function: str | Redaction | None, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, function)
        if isinstance(value, bytes):
            text = self._text(value.decode("utf-8", "surrogateescape"), function)
            return text.encode("utf-8", "surrogateescape")
        if isinstance(value, list) and depth < MAX_DEPTH:
            return [self._walk(item, function, depth + 1) for item in value]
        if isinstance(value, dict) and depth < MAX_DEPTH:
            return {key: self._walk(item, function, depth + 1) for key, item in value.items()}
        return value if not isinstance(value, (list, dict)) else None

    def _text(self, text: str, function: str | Redaction | None) -> str:
        if "\\" in text and text.lstrip()[:1] in ("[", "{", '"'):
            text = self._unescaped(text)
        text = self._cut(text)
        return text if function is None else self._called(text)

    def _cut(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub(REPLACEMENT, text)
        return text

    def _unescaped(self, text: str) -> str:
        """JSON with its strings redacted as they read, and written with few escapes: in
        "M\\u00fcller" no pattern and no function finds Müller. Other text as it is."""
        import json

        try:
            value = self._strings(json.loads(text), 0)
            found = json.dumps(value, ensure_ascii=False)
        except (ValueError, RecursionError):
            return text
        return found.encode("utf-8", "replace").decode()

    def _strings(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            nested = "\\" in value and value.lstrip()[:1] in ("[", "{") and depth < MAX_DEPTH
            return self._cut(self._unescaped(value) if nested else value)
        if isinstance(value, list):
            return [self._strings(item, depth + 1) for item in value]
        if isinstance(value, dict):
            return {key: self._strings(item, depth + 1) for key, item in value.items()}
        return value

    def _called(self, text: str) -> str:
        """What the user's callable makes of it. Raises _FailedError."""
        if _is_running.get():
            raise _FailedError
        token = _is_running.set(True)
        try:
            found = self._resolved()(text)
        except (
            Exception
        ) as fault:  # the user's own code may do anything; its message may be content
            _say_failed(f"raised {type(fault).__name__}")
            raise _FailedError from None
        finally:
            _is_running.reset(token)
        if not isinstance(found, str):
            _say_failed(f"gave {type(found).__name__}, no text")
            raise _FailedError
        return str(found)

    def _resolved(self) -> Redaction:
        """The callable; named ones are imported at their first use, when the program has begun."""
        if self._found is None:
            function = self._function
            if isinstance(function, str):
                module, _, path = function.partition(":")
                target: Any = import_module(module)
                for part in path.split("."):
                    target = getattr(target, part)
                function = target
            assert function is not None
            self._found = function
        return self._found


def _say_failed(how: str) -> None:
    guard.warn_once(
        f"the redaction function {how}; contents it fails on are dropped, their size is kept."
    )


def _size(value: Any) -> int:
    if isinstance(value, bytes):
        return len(value)
    return len(str(value).encode("utf-8", "replace"))
