"""The encodings are tiktoken's, built without a network and once."""

from __future__ import annotations

import hashlib
import threading

import pytest
from tiktoken_ext import openai_public  # type: ignore[import-untyped]  # it has no types

from latprobe.errors import UsageError
from latprobe.tokens import encoding
from latprobe.tokens.encoding import SOURCES, load, vendor_file


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_the_rank_file_unpacks_to_the_vendors_file(name: str) -> None:
    assert hashlib.sha256(vendor_file(name)).hexdigest() == SOURCES[name].sha256


@pytest.mark.parametrize("name", list(SOURCES))
def test_pattern_special_tokens_and_pinned_sum_are_tiktokens_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[str | None] = []

    def note(url: str, expected_hash: str | None = None) -> dict[bytes, int]:
        pinned.append(expected_hash)
        return {}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", note)
    theirs = openai_public.ENCODING_CONSTRUCTORS[name]()
    ours = SOURCES[name]
    assert (ours.pattern, ours.special_tokens, [ours.sha256]) == (
        theirs["pat_str"],
        theirs["special_tokens"],
        pinned,
    )


def test_known_token_ids() -> None:
    text = "tiktoken is great!"
    assert load("o200k_base").encode(text) == [83, 8251, 2488, 382, 2212, 0]
    assert load("o200k_harmony").encode(text) == [83, 8251, 2488, 382, 2212, 0]
    assert load("cl100k_base").encode(text) == [83, 1609, 5963, 374, 2294, 0]
    assert load("o200k_harmony").encode("<|call|>", allowed_special="all") == [200012]


def test_threads_that_ask_at_once_get_one_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_loaded", {})
    start = threading.Barrier(4)
    got: list[int] = []

    def ask() -> None:
        start.wait()
        got.append(id(load("cl100k_base")))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [got[0]] * 4


def test_an_unknown_encoding_is_said_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no encoding 'p50k'.*o200k_base"):
        load("p50k")
