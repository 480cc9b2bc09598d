"""What a store's journal holds, read through the real segment reader."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from latprobe.journal.reader import SegmentReader

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Found:
    """One committed record."""

    name: str
    trace: tuple[int, int]
    span_id: int
    parent_id: int
    pid: int
    thread: str
    payload: bytes | None


def read_journal(home: Path) -> list[Found]:
    """Every committed span in every segment of the store's journal."""
    found = []
    for path in sorted((home / "journal").glob("*.lpj")):
        reader = SegmentReader(path)
        taken = reader.take(1 << 30)
        assert taken.damaged == 0, path
        for row, record in enumerate(taken.rows):
            name, _, _ = taken.names[int(record["name"])]
            found.append(
                Found(
                    name=name,
                    trace=(int(record["trace_high"]), int(record["trace_low"])),
                    span_id=int(record["span_id"]),
                    parent_id=int(record["parent_span_id"]),
                    pid=taken.header.pid,
                    thread=taken.threads[int(record["thread"])],
                    payload=taken.payloads.get(row),
                )
            )
        reader.close()
    return found


def counts(home: Path) -> dict[str, int]:
    """How often each name was recorded; fails on a span id seen twice."""
    spans = read_journal(home)
    doubled = [key for key, n in Counter(span.span_id for span in spans).items() if n > 1]
    assert not doubled
    return dict(Counter(span.name for span in spans))


def run_program(
    source: str, home: Path, *, tmp_path: Path, expect: int | None = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a script as a person would, without an agent, so that its journal stays to be read."""
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(source))
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("LATPROBE_")},
        "PYTHONPATH": str(ROOT),
        "LATPROBE_HOME": str(home),
        "LATPROBE_AGENT": "off",
        **variables,
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if expect is not None:
        assert done.returncode == expect, done.stderr
    return done
