"""An instrumentation scope as the store keeps it: `name@version`, or the name alone."""

from __future__ import annotations


def scope_text(name: str, version: str | None) -> str:
    """The text; a name that holds an @ and has no version ends with one."""
    if version:
        return f"{name}@{version}"
    return f"{name}@" if "@" in name[1:] else name


def scope_parts(text: str) -> tuple[str, str]:
    """(name, version), the version empty where none was given.

    The first character is no separator: names of JavaScript packages begin with an @.
    """
    at = text.rfind("@", 1)
    return (text, "") if at < 0 else (text[:at], text[at + 1 :])
