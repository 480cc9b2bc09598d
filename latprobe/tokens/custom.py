"""Tokenizers that the user has: loaded in the agent, used for the models they are named for.

A setting says which: a table of patterns of model names, each with what counts for them.

    [tool.latprobe.tokenizers]
    "qwen*" = "models/qwen/tokenizer.json"
    "my-*" = "my_package.tokens:count"
    "our-*" = "model/tokens.py:count"

An attribute may be a callable (text) -> int, or an object of tokenizers, transformers, tiktoken,
sentencepiece or mistral-common; a path alone is a tokenizer.json.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sized
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from latprobe.errors import UsageError
from latprobe.tokens.models import plain_name
from latprobe.tokens.part import text_hash

CountTokens: TypeAlias = Callable[[str], int]

# Counts kept by their text's digest; about 200 bytes each.
_REMEMBERED = 50_000


class CustomTokenizers:
    """Counters by patterns of model names; the first that fits counts."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """Loads what `[tool.latprobe.tokenizers]` names. Raises UsageError for what is missing."""
        self._counters: list[tuple[str, CountTokens]] = []
        for pattern, target in (settings or {}).items():
            self.register(pattern, load_counter(target))

    def register(self, pattern: str, tokenizer: object) -> None:
        """Lets a tokenizer count for the models whose name fits; `*` stands for anything.

        Raises UsageError if the object has no way to count.
        """
        self._counters.append((pattern.lower(), counter_of(tokenizer)))

    def find(self, model: str | None) -> CountTokens | None:
        """Gives the counter for a model, by its name as called or without its vendor's prefix."""
        if not self._counters or not model:
            return None
        names = (model.lower(), plain_name(model))
        for pattern, count in self._counters:
            if any(fnmatchcase(name, pattern) for name in names):
                return count
        return None


def load_counter(target: str) -> CountTokens:
    """Gives the counter that a setting's value names. Raises UsageError, saying what is missing."""
    module, colon, attribute = target.rpartition(":")
    if target.endswith(".json"):
        return _said_of(target, counter_of(_load_file(Path(target).expanduser())))
    if not colon or not module or not attribute:
        raise UsageError(
            f"{target!r} names no tokenizer. Write a path to a tokenizer.json, or module:attribute."
        )
    return _said_of(target, counter_of(_load_attribute(module, attribute)))


def _said_of(target: str, count: CountTokens) -> CountTokens:
    """The counter, whose faults name the setting and are ours; repeated texts are counted once."""
    known: OrderedDict[bytes, int] = OrderedDict()

    def counted(text: str) -> int:
        digest = text_hash(text)
        if digest in known:
            known.move_to_end(digest)
            return known[digest]
        try:
            tokens = count(text)
        except UsageError:
            raise
        except Exception as error:  # somebody else's code, which may raise anything
            raise UsageError(
                f"The tokenizer {target} failed: {type(error).__name__}: {error}."
            ) from error
        known[digest] = tokens
        if len(known) > _REMEMBERED:
            known.popitem(last=False)
        return tokens

    return counted


def counter_of(tokenizer: object) -> CountTokens:
    """Gives a function (text) -> tokens for any of the tokenizers named above."""
    inner = getattr(tokenizer, "instruct_tokenizer", None)
    if inner is not None:  # mistral-common: the whole tokenizer encodes requests, not texts
        return _mistral(inner.tokenizer)
    encode = getattr(tokenizer, "encode_ordinary", None) or getattr(tokenizer, "encode", None)
    if callable(encode):
        return _mistral(tokenizer) if _is_mistral(tokenizer) else _encoding(tokenizer, encode)
    if callable(tokenizer):
        return _checked(tokenizer)
    raise UsageError(
        f"{type(tokenizer).__name__} cannot count tokens. "
        "Give a function (text) -> int or an object with encode(text)."
    )


def _load_file(path: Path) -> object:
    if not path.is_file():
        raise UsageError(f"There is no tokenizer at {path}. Give the path of a tokenizer.json.")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise UsageError(
            f"Reading {path} needs the tokenizers library. Run: pip install tokenizers"
        ) from error
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the tokenizers library raises no narrower class
        raise UsageError(f"{path} is no tokenizer.json: {error}.") from error


def _load_attribute(module: str, attribute: str) -> object:
    found: Any = _load_script(Path(module)) if module.endswith(".py") else _load_module(module)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise UsageError(f"The module {module} has no {attribute!r} to count tokens with.")
        found = getattr(found, name)
    return found


def _load_module(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"The tokenizer module {module} cannot be imported: {error}. "
            "Install the module where latprobe runs, or name its file: path/to/tokens.py:count."
        ) from error


def _load_script(path: Path) -> ModuleType:
    """The module in a file, whose folder need not be on any path."""
    path = path.expanduser()
    spec = importlib.util.spec_from_file_location(f"latprobe_tokenizer_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UsageError(f"There is no Python file at {path} to count tokens with.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is somebody else's code, which may raise anything
        raise UsageError(
            f"The tokenizer in {path} cannot be loaded: {type(error).__name__}: {error}."
        ) from error
    return module


def _encoding(tokenizer: object, encode: Callable[..., Any]) -> CountTokens:
    """Counts with encode(text), which gives ids or an object with ids."""
    # Special tokens are the chat template's, which is counted by itself.
    plain = {} if encode.__name__ == "encode_ordinary" else _without_special(encode)

    def count(text: str) -> int:
        encoded = encode(text, **plain)
        return _length(getattr(encoded, "ids", encoded), type(tokenizer).__name__)

    return count


def _without_special(encode: Callable[..., Any]) -> dict[str, bool]:
    """Says how this encode leaves special tokens out: transformers and tokenizers know how."""
    for keywords in ({"add_special_tokens": False}, {}):
        try:
            encode("a", **keywords)
        except TypeError:
            continue
        return keywords
    return {}


def _is_mistral(tokenizer: object) -> bool:
    return type(tokenizer).__module__.startswith("mistral_common.")


def _mistral(tokenizer: Any) -> CountTokens:
    return lambda text: _length(tokenizer.encode(text, bos=False, eos=False), "mistral-common")


def _checked(count: Callable[..., Any]) -> CountTokens:
    def counted(text: str) -> int:
        tokens = count(text)
        if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
            raise UsageError(f"A tokenizer gave {tokens!r} for a text. Give a number of tokens.")
        return tokens

    return counted


def _length(ids: object, name: str) -> int:
    if not isinstance(ids, Sized):
        raise UsageError(f"encode() of {name} gave {type(ids).__name__}. Give a list of token ids.")
    return len(ids)
