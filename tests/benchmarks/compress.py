"""What the compressors save on the corpus, what that costs, and whether lossless is lossless.

python tests/benchmarks/compress.py [--documents 10000] [--seed 0]

CPU time of this process: what else runs on the machine matters little to it.
"""

from __future__ import annotations

import argparse
import json
import random
import string
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from latprobe.advice.compress import compose
from latprobe.advice.compress.compose import best
from latprobe.advice.compress.decode import decompress
from latprobe.advice.compress.exact_json import context_of
from latprobe.advice.compress.json_forms import json_candidates
from latprobe.advice.compress.meter import Meter
from latprobe.advice.compress.option import Compressed
from latprobe.advice.compress.request import best_request
from latprobe.advice.compress.segments import split_segments
from latprobe.tokens.counting import TokenCounter

CORPUS = Path(__file__).parents[1] / "advice" / "corpus"
MODEL = "gpt-4o"
AWKWARD = ["", " ", "1", "1.0", "true", "null", "~", "#1", "a,b", '"', "{", "\n", "table 1", "=x"]
KEYS = [
    "id",
    "a.b",
    "a=b",
    "x[]",
    "columns",
    "rows",
    "same",
    "defaults",
    "records",
    "data",
    '"',
    "",
]


def main() -> None:
    """Prints the tables."""
    options = argparse.ArgumentParser()
    options.add_argument("--documents", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    Meter(MODEL).count_many(["warm"])
    by_kind()
    by_compressor()
    big_prompt()
    many_calls()
    many_calls(is_thorough=False)
    round_trips(given.documents, given.seed)


def files() -> list[Path]:
    """The corpus, without what it is made by."""
    return [path for path in sorted(CORPUS.iterdir()) if path.suffix not in (".py", "")
            and path.name != "README.md"]  # fmt: skip


def by_kind() -> None:
    """The best of each class for each kind of text."""
    print(f"{'text':18} {'tokens':>6} {'lossless':>9} {'near':>6} {'lossy':>6} {'CPU':>14}  steps")
    for path in files():
        text = path.read_text("utf-8")
        spent, found = cpu_s(partial(fresh, text, path.name))
        shown = [percent(found, kind) for kind in ("lossless", "near", "lossy")]
        speed = spent / len(text.encode()) * 1e9
        steps = " + ".join((found.lossless or found.near or found.options[0]).steps)
        print(
            f"{path.name:18} {found.tokens_before:6} {shown[0]:>9} {shown[1]:>6} {shown[2]:>6} "
            f"{speed:8.0f} us/kB  {steps}"
        )


def fresh(text: str, name: str = "") -> Compressed:
    """The best, with nothing remembered."""
    compose._cache.clear()
    meter = Meter(MODEL, counter=TokenCounter())
    if name == "chat.json":
        return best_request(json.loads(text), meter=meter)
    return best(text, meter=meter)


def percent(found: Compressed, kind: Any) -> str:
    """The saving of a class, "-" where it saves no more than the class before it."""
    option = found.of(kind)
    return "-" if option is None else f"{1 - option.tokens_after / found.tokens_before:.1%}"


def cpu_s(work: Callable[[], Compressed]) -> tuple[float, Compressed]:
    """The least CPU time of five runs, and what the last gave."""
    times = []
    for _ in range(5):
        start = time.process_time()
        found = work()
        times.append(time.process_time() - start)
    return min(times), found


def by_compressor() -> None:
    """What each candidate of the JSON, table, log and few-shot texts saves alone."""
    print("\nby compressor, alone or after another (only what saves):")
    meter = Meter(MODEL)
    for path in files():
        if path.name == "chat.json":
            continue
        for segment in split_segments(path.read_text("utf-8")):
            candidates = compose._candidates(segment, "other", [])
            if not candidates:
                continue
            before, *after = meter.count_many([segment.text, *(c.text for c in candidates)])
            rows = sorted(zip(after, candidates, strict=True), key=lambda pair: pair[0])
            saved = [
                f"{'+'.join(c.steps)} {1 - n / before:.0%}"
                f"{'' if c.kind == 'lossless' else ' ' + c.kind}"
                for n, c in rows
                if n < before
            ]
            print(f"  {path.name}: {', '.join(saved)}")


def big_prompt() -> None:
    """A prompt of about 10,000 tokens made of all kinds."""
    parts = [path.read_text("utf-8") for path in files() if path.suffix in (".json", ".md", ".txt")]
    text = "\n\n".join(f"Part {number}:\n{part}" for number, part in enumerate(parts, 1))
    while Meter(MODEL).count_many([text])[0] > 10_500:
        text = text[: int(len(text) * 0.9)]
    table = "".join(f"<tr><td>{n}</td><td>Parcel {n * 7} is late.</td></tr>" for n in range(520))
    for name, prompt in (("a prompt", text), ("a page with a table", f"<table>{table}</table>")):
        spent, found = cpu_s(partial(fresh, prompt))
        print(f"\n{name} of {found.tokens_before:,} tokens: {spent * 1e3:.0f} ms CPU")


def many_calls(calls: int = 400, *, is_thorough: bool = True) -> None:
    """Calls of one system prompt and another context each, none seen before."""
    chooser = random.Random(1)
    rag = json.loads((CORPUS / "rag.json").read_text("utf-8"))
    system = (CORPUS / "few_shot.txt").read_text("utf-8")
    compose._cache.clear()
    meter = Meter(MODEL, counter=TokenCounter())
    tokens = 0
    start = time.process_time()
    for number in range(calls):
        rag["query"] = f"question {number}"
        rag["documents"] = chooser.sample(rag["documents"], 8)
        for document in rag["documents"]:
            document["id"] = f"{chooser.getrandbits(128):032x}"
        tokens += best(system, meter=meter, is_thorough=is_thorough).tokens_before
        tokens += best(json.dumps(rag), meter=meter, is_thorough=is_thorough).tokens_before
    spent = time.process_time() - start
    how = "thorough" if is_thorough else "quick"
    per_call = f"{spent / calls * 1e3:.1f} ms CPU a call, {how}"
    print(f"{calls:,} calls of {tokens // calls:,} tokens: {per_call}")


def round_trips(documents: int, seed: int) -> None:
    """Decodes every candidate that is called lossless, of random documents."""
    chooser = random.Random(seed)
    claims = failures = 0
    for _ in range(documents):
        value = document(chooser)
        text = json.dumps(
            value, ensure_ascii=chooser.random() < 0.5, indent=chooser.choice([None, 2])
        )
        for candidate in json_candidates(text, context_of(text)):
            if candidate.kind == "lossless":
                claims += 1
                found = decompress(candidate.text, *candidate.steps)
                failures += json.dumps(found) != json.dumps(value)
    print(f"\n{documents:,} random documents: {claims:,} lossless claims, {failures} that fail")


def document(chooser: random.Random) -> Any:
    """An object, a list, records, or records in an envelope."""
    kind = chooser.randrange(4)
    if kind == 0:
        return {key(chooser): value(chooser, 3) for _ in range(chooser.randrange(6))}
    if kind == 1:
        return [value(chooser, 3) for _ in range(chooser.randrange(6))]
    rows = records(chooser, 2)
    return rows if kind == 2 else {"total": len(rows), key(chooser): rows}


def records(chooser: random.Random, depth: int) -> list[Any]:
    """Objects with most keys in common and few values a key."""
    pools = {key(chooser): [value(chooser, depth - 1) for _ in range(3)] for _ in range(4)}
    rows = []
    for _ in range(chooser.randrange(2, 9)):
        row = {
            name: chooser.choice(pool) for name, pool in pools.items() if chooser.random() < 0.97
        }
        if depth > 0 and chooser.random() < 0.3:
            row["lines"] = records(chooser, depth - 1)
        rows.append(row)
    return rows


def key(chooser: random.Random) -> str:
    """A usual name, an awkward one, or any text."""
    choice = chooser.random()
    if choice < 0.6:
        return "".join(chooser.choices(string.ascii_lowercase + "_", k=chooser.randrange(1, 14)))
    return chooser.choice(KEYS) if choice < 0.9 else text(chooser)


def value(chooser: random.Random, depth: int) -> Any:
    """Any JSON of that depth at most."""
    makers: list[Callable[[], Any]] = [
        lambda: None,
        lambda: chooser.random() < 0.5,
        lambda: chooser.randrange(-1000, 1000),
        lambda: chooser.randrange(-(10**30), 10**30),
        lambda: chooser.uniform(-1e3, 1e3),
        lambda: chooser.choice([1.0, -0.0, 0.5, 1e22, 1e-7, 5e-324, 1.7e308]),
        lambda: text(chooser),
        lambda: chooser.choice(AWKWARD),
    ]
    if depth > 0:
        makers += [
            lambda: [value(chooser, depth - 1) for _ in range(chooser.randrange(4))],
            lambda: {key(chooser): value(chooser, depth - 1) for _ in range(chooser.randrange(4))},
            lambda: records(chooser, depth - 1),
        ]
    return chooser.choice(makers)()


def text(chooser: random.Random) -> str:
    """Letters of several scripts, control characters and lone surrogates."""
    ranges = [
        (32, 126),
        (0, 31),
        (0xC0, 0x17F),
        (0x4E00, 0x9FFF),
        (0x1F300, 0x1F5FF),
        (0xD800, 0xDFFF),
    ]
    start, end = chooser.choices(ranges, [60, 5, 10, 10, 10, 2])[0]
    return "".join(chr(chooser.randint(start, end)) for _ in range(chooser.randrange(12)))


if __name__ == "__main__":
    main()
