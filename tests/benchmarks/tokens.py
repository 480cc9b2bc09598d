"""Counting tokens, in CPU time: against tiktoken itself, and a chat that is sent at each turn.

python tests/benchmarks/tokens.py [--encoding o200k_base]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.encoding import load

ROOT = Path(__file__).parents[2]
TURNS = 40
SIZES_CHARACTERS = (2_000, 16_000, 128_000, 1_000_000)


def ordinary_text() -> str:
    """Prose and code: this repository's own."""
    files = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("latprobe/**/*.py")])
    return "".join(file.read_text() for file in files)


def seconds(work: Callable[[], object]) -> float:
    """CPU time of this thread: what else runs on the machine does not matter to a ratio."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def against_tiktoken(text: str, encoding: str) -> None:
    """Each text is counted by both, in turns, and by a counter that has not seen it."""
    while len(text) < SIZES_CHARACTERS[-1]:
        text += text
    for size in SIZES_CHARACTERS:
        pairs = [one_pair(text, size, encoding) for _ in range(9)][1:]
        ratio = statistics.median(theirs / ours for theirs, ours in pairs)
        speed = SIZES_CHARACTERS[-1] / 1e6 / min(ours for _, ours in pairs)
        print(f"{size:>9,} characters: {ratio:.2f}x of tiktoken's speed, {speed:.1f} MB/s")


def one_pair(text: str, size: int, encoding: str) -> tuple[float, float]:
    """A str keeps its UTF-8 once asked for it, so each side gets texts of its own."""
    tokenizer, counter = load(encoding), TokenCounter()
    starts = range(0, SIZES_CHARACTERS[-1], size)
    texts = [text[at : at + size] for at in starts]
    theirs = seconds(lambda: [len(tokenizer.encode_ordinary(one)) for one in texts])
    own = [text[at : at + size] for at in starts]
    return theirs, seconds(lambda: counter.count_many(own, encoding))


def resent_chat(text: str, encoding: str) -> None:
    """A system prompt of 4,000 characters, then questions of 300 and answers of 1,500."""
    messages = [text[:4_000]]
    for turn in range(TURNS):
        at = 4_000 + turn * 1_800
        messages += [text[at : at + 300], text[at + 300 : at + 1_800]]
    prompts = [messages[: 2 * turn + 2] for turn in range(TURNS)]
    tokenizer = load(encoding)

    def naive() -> list[int]:
        return [sum(len(tokenizer.encode_ordinary(one)) for one in prompt) for prompt in prompts]

    def cached() -> list[int]:
        counter = TokenCounter()
        return [sum(counter.count_many(prompt, encoding)) for prompt in prompts]

    assert naive() == cached()
    ratios, last = [], (0.0, 0.0)
    for _ in range(7):
        last = seconds(naive), seconds(cached)
        ratios.append(last[0] / last[1])
    print(
        f"a chat of {TURNS} turns: {statistics.median(ratios):.1f}x faster than counting anew "
        f"({last[0] * 1e3:.0f} ms -> {last[1] * 1e3:.1f} ms)"
    )


def walls(encoding: str) -> None:
    """Texts of 10 MB without a place to cut."""
    for unit in (" ", "a", "ab", "1", "漢"):
        text = unit * (10_000_000 // len(unit.encode()))
        took = seconds(partial(TokenCounter().measure, text, encoding))
        print(f"10 MB of {unit!r}: {took:.2f} s")


def main() -> None:
    """Prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoding", default="o200k_base")
    encoding: str = parser.parse_args().encoding
    text = ordinary_text()
    print(f"loading {encoding}: {seconds(lambda: load(encoding)):.2f} s")
    gc.freeze()
    against_tiktoken(text, encoding)
    resent_chat(text, encoding)
    walls(encoding)


if __name__ == "__main__":
    main()
