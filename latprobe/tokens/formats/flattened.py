"""Attributes with numbers in their names (`llm.input_messages.0.message.role`) as nested values."""

from __future__ import annotations

from collections.abc import Mapping

_MAX_DEPTH = 32


def numbered(attributes: Mapping[str, object], prefix: str) -> list[object]:
    """What stands below the prefix and a number, in the numbers' order."""
    start = len(prefix)
    tree: dict[str, object] = {}
    for name, value in attributes.items():
        if name.startswith(prefix) and name[start : start + 1].isdecimal():
            _put(tree, name[start:].split(".", _MAX_DEPTH), value)
    found = _listed({name: value for name, value in tree.items() if _is_index(name)}, 0)
    return found if isinstance(found, list) else []


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 7


def _put(tree: dict[str, object], path: list[str], value: object) -> None:
    for name in path[:-1]:
        inner = tree.get(name)
        if not isinstance(inner, dict):
            # A name that is a value and a prefix at once keeps both.
            inner = {} if inner is None else {"": inner}
            tree[name] = inner
        tree = inner
    last = path[-1]
    if isinstance(tree.get(last), dict) and not isinstance(value, dict):
        last, tree = "", tree[last]  # type: ignore[assignment]  # just tested
    tree[last] = dict(value) if isinstance(value, dict) else value


def _listed(value: object, depth: int) -> object:
    """The same with every object of numbered names as a list in their order."""
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        return value
    found = {name: _listed(inner, depth + 1) for name, inner in value.items()}
    if found and all(map(_is_index, found)):
        return [found[name] for name in sorted(found, key=int)]
    return found
