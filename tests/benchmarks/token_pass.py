"""Prints how many model calls a second are ingested, counted and grouped, and where the time goes.

    python -m tests.benchmarks.token_pass [calls] [templates]

Each call has a prompt of about 2 kB: one of the templates' system texts, a document, a question.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from latprobe.store import token_pass
from latprobe.store.owner import StoreOwner
from latprobe.store.token_counting import Counting
from tests.journal.building import MONOTONIC_NS, SegmentBuilder

CALLS = 100_000
TEMPLATES = 30
SEGMENT_CALLS = 2_000
TARGET = 2_000


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    templates = int(sys.argv[2]) if len(sys.argv) > 2 else TEMPLATES
    words = _words()
    loading_s = _load(words)
    phases = Phases()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        size = _record(home, calls, templates, words)
        with StoreOwner(home) as owner:
            started, first_cpu_s = time.perf_counter(), time.process_time()
            owner.ingest_journal()
            ingested, middle_cpu_s = time.perf_counter(), time.process_time()
            with phases:
                counted = owner.count_tokens()
            ended, last_cpu_s = time.perf_counter(), time.process_time()
            found = owner.query(
                "SELECT count(*) AS calls, count(DISTINCT template_id) AS templates, "
                "sum(counted_input_tokens)::BIGINT AS tokens FROM usage"
            ).to_pylist()[0]
            parts = owner.query("SELECT count(*) AS n FROM prompts").to_pylist()[0]["n"]
        stored = (home / "latprobe.duckdb").stat().st_size
    print(f"{calls:,} calls of {size / calls:,.0f} bytes of input, {templates} templates")
    for name, seconds, count in (
        ("ingest", ingested - started, calls),
        ("counting", ended - ingested, counted),
        ("both", ended - started, calls),
    ):
        print(f"{name:9}{seconds:8.2f} s  {count / seconds:10,.0f} calls/s")
    print(f"target   {TARGET:26,} calls/s")
    print(f"CPU once, for encodings and prices: {loading_s:.2f} s; a call, beside that:")
    for name, cpu_s in (
        ("ingest", middle_cpu_s - first_cpu_s),
        *phases.cpu_s.items(),
        ("tokenizer and other threads", last_cpu_s - middle_cpu_s - phases.thread_s),
        ("all", last_cpu_s - first_cpu_s),
    ):
        print(f"  {name:28}{cpu_s / calls * 1e6:6.0f} us")
    print(
        f"found    {found['calls']:,} calls, {found['templates']} templates, "
        f"{found['tokens']:,} tokens, {parts:,} parts, {stored / calls:,.0f} bytes a call"
    )


def _load(words: list[str]) -> float:
    """CPU seconds of counting a single call in a store of its own: what is loaded once."""
    with tempfile.TemporaryDirectory() as folder:
        _record(Path(folder), 1, 1, words)
        with StoreOwner(Path(folder)) as owner:
            owner.ingest_journal()
            started_s = time.process_time()
            owner.count_tokens()
            return time.process_time() - started_s


class Phases:
    """CPU time of the pass's own thread, by what it does, while the block runs."""

    _METHODS: ClassVar = {
        "read": (token_pass, "read_calls"),
        "take apart": (Counting, "_open"),
        "anatomy": (Counting, "_anatomy"),
        "group": (Counting, "_group"),
        "store": (token_pass.TokenPass, "_store"),
    }

    def __init__(self) -> None:
        self.cpu_s = dict.fromkeys([*self._METHODS, "the rest of the pass"], 0.0)
        self.thread_s = 0.0

    def __enter__(self) -> None:
        for name, (owner, method) in self._METHODS.items():
            setattr(owner, method, self._timed(name, getattr(owner, method)))
        self._started_s = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.thread_s = time.thread_time() - self._started_s
        self.cpu_s["the rest of the pass"] = self.thread_s - sum(self.cpu_s.values())

    def _timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **named: Any) -> Any:
            started_s = time.thread_time()
            try:
                return work(*args, **named)
            finally:
                self.cpu_s[name] += time.thread_time() - started_s

        return timed


def _record(home: Path, calls: int, templates: int, words: list[str]) -> int:
    """Journals of finished processes; gives back the bytes of all prompts."""
    chance = random.Random(4)
    systems = [_text(chance, words, 500) for _ in range(templates)]
    size = 0
    for first in range(0, calls, SEGMENT_CALLS):
        build = SegmentBuilder(
            home / "journal" / f"{first:07d}.lpj",
            capacity=SEGMENT_CALLS,
            heap_bytes=SEGMENT_CALLS * 6_000,
        )
        for number in range(first, min(first + SEGMENT_CALLS, calls)):
            kind = chance.randrange(templates)
            prompt = json.dumps(
                [
                    _message("system", systems[kind]),
                    _message(
                        "user",
                        f"Task {kind}: answer the question from the document below.\n\n"
                        f"{_text(chance, words, 1_300)}\n\nQuestion: {_text(chance, words, 60)}?",
                    ),
                ]
            )
            size += len(prompt)
            build.span(
                f"chat {kind}",
                trace=number + 1,
                span=number + 1,
                start=MONOTONIC_NS + number,
                details=_call(prompt, _text(chance, words, 200)),
            )
        build.close()
    return size


def _call(prompt: str, answer: str) -> dict[str, object]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": prompt,
        "gen_ai.output.messages": json.dumps([_message("assistant", answer)]),
        "gen_ai.usage.input_tokens": 480,
        "gen_ai.usage.output_tokens": 48,
    }


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _words() -> list[str]:
    """Words of this repository's own prose."""
    root = Path(__file__).parents[2]
    text = " ".join(path.read_text("utf-8") for path in sorted((root / "docs").glob("*.md")))
    return [word for word in text.split() if len(word) < 20]


def _text(chance: random.Random, words: list[str], characters: int) -> str:
    found: list[str] = []
    length = 0
    while length < characters:
        word = words[int(chance.random() * len(words))]
        found.append(word)
        length += len(word) + 1
    return " ".join(found)


if __name__ == "__main__":
    main()
