"""What handing over a call's content costs the calling thread, and marking, redacting, ingesting.

    python tests/benchmarks/content.py [--rounds N]

A span with gen_ai.input.messages, a text that was just built, against the same span and text apart
from one another: CPU time of the thread, the lowest of several rounds of each, taken in turns.
Promised: at most 3 us plus 1 us a kB.

A round fills eight segments or more, so that their creation is in it whatever is left of the one
before; what a round wrote is deleted, as the agent does. The floor is what Python can do at best:
the same texts encoded and copied into a new file that is mapped in pages of 4 kB, and their crc32,
in one loop. Where a few characters (quotation marks, emoji) make CPython hold an English text in
two bytes a character or four, its UTF-8 encoder alone takes 1-1.7 us a kB, and the floor is above
what is promised: there latprobe/journal/_texts.c goes below it, as large pages
(latprobe/journal/prefault.py) may. The first line says whether it was compiled.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import timeit
import zlib
from collections.abc import Callable
from pathlib import Path

import latprobe
from latprobe import recorder
from latprobe.journal import text_forms
from latprobe.journal.long_texts import form
from latprobe.journal.mapped_segment import map_file
from latprobe.redaction import Redactor
from latprobe.store.media_placeholder import may_hold_media, with_placeholders
from latprobe.store.owner import StoreOwner

SIZES_KB = (2, 4, 12, 20, 200)
ROUND_KB = 32_000
TEXTS = {
    "ASCII": "The quick brown fox jumps over the lazy dog. ",
    "Latin-1": "Où est la bibliothèque, s'il vous plaît ? ",
    "CJK": "我们需要了解提示词的哪一部分最昂贵。",
    "Cyrillic": "Нам нужно понять, какая часть подсказки стоит дороже всего. ",
    "quotes": "He said “it works” and that is “fine” for all of us here today. ",
    "emoji": "All went well 🎉 and we are done. ",
}
NAME = "gen_ai.input.messages"


def text_of(kind: str, size_kb: int) -> str:
    """About that many kB of UTF-8."""
    unit = TEXTS[kind]
    return unit * (size_kb * 1000 // len(unit.encode()))


def with_content(base: str, count: int) -> None:
    """Spans, each with a text that was built just before, as a prompt is before its call."""
    for number in range(count):
        text = base + str(number)
        with latprobe.stage("call") as stage:
            stage.set(model="gpt-4o-mini", **{NAME: text})


def without_content(base: str, count: int) -> None:
    """The same texts and spans, apart from one another."""
    for number in range(count):
        _text = base + str(number)
        with latprobe.stage("call") as stage:
            stage.set(model="gpt-4o-mini")


def span_us(work: Callable[[str, int], None], base: str, count: int) -> float:
    """CPU time of a span on this thread, us."""
    start = time.thread_time_ns()
    work(base, count)
    return (time.thread_time_ns() - start) / count / 1000


def handing_over(rounds: int, journal: Path, folder: Path) -> None:
    """Prints what each kind and size of content adds to a span."""
    print("long texts are copied by", "Python" if form is text_forms.form else "compiled code")
    for kind in TEXTS:
        for size_kb in SIZES_KB:
            base = text_of(kind, size_kb)
            bare, full = [], []
            for _ in range(rounds):
                bare.append(span_us(without_content, base, ROUND_KB // size_kb))
                full.append(span_us(with_content, base, ROUND_KB // size_kb))
                delete_segments(journal)
            size = len(base.encode()) / 1000
            best = min(full) - min(bare)
            floor = min(floor_us(base, ROUND_KB // size_kb, folder) for _ in range(rounds))
            print(
                f"{kind:8} {size:6.1f} kB: {best:8.2f} us more, {best / size:.2f} us a kB "
                f"(promised: at most {3 + size:.0f} us; {best / floor:.2f} of the floor, "
                f"{floor:.2f} us)"
            )


def delete_segments(journal: Path) -> None:
    """All of them; what is still mapped stays with its writer."""
    for path in journal.glob("*.lpj"):
        path.unlink()


def floor_us(base: str, count: int, folder: Path) -> float:
    """CPU time for what Python cannot leave out, us a text: bytes of it, in a mapped file whose
    blocks are allocated, with their checksum. In one loop, without a span or a value around it."""
    size = len(base.encode()) * 4 * count + 4096
    codec = (form(base + "0") or ("utf-8",))[0]
    start = time.thread_time_ns()
    buffer = map_file(folder, 0, size // 4096 * 4096, b"")
    created = time.thread_time_ns() - start
    at = took = 0
    for number in range(count):
        text = base + str(number)
        start = time.thread_time_ns()
        data = text.encode(codec)
        end = at + len(data)
        buffer[at:end] = data
        zlib.crc32(data)
        took += time.thread_time_ns() - start
        at = end
    share = created * at / size  # of the file's creation, what the texts filled
    buffer.close()
    delete_segments(folder)
    return (took + share) / count / 1000


def marking() -> None:
    """Prints what `part` costs."""
    idle = min(timeit.repeat(lambda: latprobe.part("user", "x"), number=100_000, repeat=5)) / 0.1
    print(f"part(), nothing records: {idle:.3f} us (promised: under 0.3)")


def marking_while_recording() -> None:
    """The same on a stage."""
    with latprobe.stage("call"):
        took = min(timeit.repeat(lambda: latprobe.part("user", "x"), number=2_000, repeat=5)) / 2e-3
    print(f"part(), on a stage: {took:.2f} us")


def redacting(rounds: int) -> None:
    """Prints what redacting adds to a span with 2 kB of content."""
    base = text_of("ASCII", 2)
    plain = min(span_us(with_content, base, 1_000) for _ in range(rounds))
    recorder.redact_with(Redactor((r"[\w.]+@[\w.]+\.com",)))
    redacted = min(span_us(with_content, base, 1_000) for _ in range(rounds))
    recorder.redact_with(None)
    print(f"2 kB span: {plain:.1f} us; with one expression {redacted:.1f} us")


def looking_for_media(folder: Path, rounds: int) -> None:
    """Prints what the look for base64 adds to the ingest of spans with 2 kB of content."""
    base, count = text_of("ASCII", 2), 20_000
    with_content(base, count)
    latprobe.shutdown()
    start = time.thread_time_ns()
    with StoreOwner(folder / "store") as owner:
        owner.ingest_pending()
        took_us = (time.thread_time_ns() - start) / count / 1000
    attributes = {NAME: base, "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 500}
    look = min(timeit.repeat(lambda: with_placeholders(attributes), number=5_000, repeat=5)) / 5e-3
    body = base.encode() * 512
    sweep = min(timeit.repeat(lambda: may_hold_media(body), number=20, repeat=5)) / 20e-6
    print(
        f"ingest of a 2 kB span: {took_us:.1f} us; the look for base64 in it {look:.2f} us, "
        f"{look / took_us:.1%} (promised: under 2 %); in 1 MB of OTLP {sweep:.0f} us"
    )


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    marking()
    with tempfile.TemporaryDirectory() as folder:
        latprobe.init(home=Path(folder) / "store", agent=False)
        handing_over(options.rounds, Path(folder) / "store" / "journal", Path(folder) / "floor")
        marking_while_recording()
        redacting(options.rounds)
        latprobe.shutdown()
    with tempfile.TemporaryDirectory() as folder:
        latprobe.init(home=Path(folder) / "store", agent=False)
        looking_for_media(Path(folder), options.rounds)


if __name__ == "__main__":
    main()
