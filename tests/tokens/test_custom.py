"""Tokenizers that the user brings."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from latprobe.errors import UsageError
from latprobe.tokens.custom import CustomTokenizers, counter_of, load_counter
from latprobe.tokens.encoding import load


@pytest.fixture
def tokenizer_file(tmp_path: Path) -> Path:
    tokenizers: Any = pytest.importorskip("tokenizers")
    models, splitting = tokenizers.models, tokenizers.pre_tokenizers
    words = {"<s>": 0, "one": 1, "two": 2, "?": 3}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(words, unk_token="?"))
    tokenizer.pre_tokenizer = splitting.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture
def user_module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("tokens_of_the_user")
    module.count = lambda text: len(text.split())  # type: ignore[attr-defined]
    module.wrong = lambda text: "many"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tokens_of_the_user", module)
    return module


def test_a_tokenizer_json_counts_without_its_special_tokens(tokenizer_file: Path) -> None:
    assert load_counter(str(tokenizer_file))("one two three") == 3


def test_a_function_counts_for_the_models_its_pattern_names(user_module: types.ModuleType) -> None:
    custom = CustomTokenizers({"qwen*": "tokens_of_the_user:count"})
    found = custom.find("Qwen/Qwen2.5-7B")
    assert found is not None
    assert (found("a b c"), custom.find("gpt-4o"), custom.find(None)) == (3, None, None)


def test_the_first_pattern_that_fits_counts() -> None:
    custom = CustomTokenizers()
    custom.register("qwen3*", lambda text: 1)
    custom.register("*", lambda text: 2)
    counts = [find("x") for model in ("qwen3-8b", "other") if (find := custom.find(model))]
    assert counts == [1, 2]


def test_objects_of_tiktoken_and_of_transformers_shape_count() -> None:
    class OfTransformers:
        def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
            return [0] * (len(text) + 2 * add_special_tokens)

    class OfSentencepiece:
        def encode(self, text: str) -> list[int]:
            return [0] * len(text)

    text = "tiktoken is great!<|endoftext|>"
    assert counter_of(load("o200k_base"))(text) == len(load("o200k_base").encode_ordinary(text))
    assert (counter_of(OfTransformers())("four"), counter_of(OfSentencepiece())("four")) == (4, 4)


def test_mistrals_tokenizer_counts_a_text_without_its_ends() -> None:
    class Inner:
        def encode(self, text: str, bos: bool, eos: bool) -> list[int]:
            return [0] * (len(text.split()) + bos + eos)

    Inner.__module__ = "mistral_common.tokens.tokenizers.tekken"
    whole: Any = types.SimpleNamespace(instruct_tokenizer=types.SimpleNamespace(tokenizer=Inner()))
    assert (counter_of(whole)("one two"), counter_of(Inner())("one two")) == (2, 2)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nothing", "Write a path to a tokenizer.json, or module:attribute."),
        (":count", "Write a path to a tokenizer.json, or module:attribute."),
        ("no_such_module_here:count", "Install the module where latprobe runs, or name its file"),
        ("tokens_of_the_user:missing", "has no 'missing' to count tokens with."),
        ("/no/such/tokens.py:count", "There is no Python file at /no/such/tokens.py"),
        ("/no/such/tokenizer.json", "Give the path of a tokenizer.json."),
        ("sys:maxsize", "Give a function (text) -> int or an object with encode(text)."),
    ],
)
def test_what_is_missing_is_said(target: str, message: str, user_module: types.ModuleType) -> None:
    with pytest.raises(UsageError) as raised:
        load_counter(target)
    assert message in str(raised.value)


def test_a_file_that_is_no_tokenizer_is_said(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(UsageError, match=r"is no tokenizer\.json"):
        load_counter(str(path))


def test_a_missing_library_is_said_with_the_line_that_installs_it(
    tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match="pip install tokenizers"):
        load_counter(str(tokenizer_file))


def test_a_count_that_is_no_number_is_said(user_module: types.ModuleType) -> None:
    with pytest.raises(UsageError, match="gave 'many' for a text"):
        load_counter("tokens_of_the_user:wrong")("text")


def test_an_object_that_cannot_count_is_said() -> None:
    with pytest.raises(UsageError, match="int cannot count tokens"):
        counter_of(5)
