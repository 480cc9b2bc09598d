"""Which change the what-if panel asks about: chosen there, kept in the address.

`?whatif=llm.decode&change=time&by=50`, and `&beside=ocr` for two stages at once.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from latprobe.analysis.whatif import CacheHit, Change, Parallel, Remove, Replicas, Scale, Tokens
from latprobe_dashboard import shown_text


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of change: its words, and what its number is, where it has one."""

    words: str
    unit: str = ""
    usual: int = 0
    least: int = 0
    most: int = 0
    help: str = ""


KINDS = {
    "time": Kind("takes this share of its time", "% of its time", 50, 0, 1_000),
    "remove": Kind("takes no time"),
    "cache": Kind("has a cache", "% of calls hit", 30, 0, 100),
    "output": Kind("gives fewer output tokens", "% fewer", 30, 0, 100),
    "input": Kind("gets fewer input tokens", "% fewer", 30, 0, 100),
    "beside": Kind("runs beside another stage"),
    "replicas": Kind("runs on so many workers", "workers", 2, 1, 1_000),
}
NAMES = ("whatif", "change", "by", "beside")


@dataclass(frozen=True, slots=True)
class Choice:
    """A stage and what changes in it; `by` in the unit of its kind."""

    stage: str
    kind: str = "time"
    by: int = 50
    beside: str | None = None

    def change(self) -> Change | None:
        """As the analysis takes it; None while the other stage is not chosen."""
        match self.kind:
            case "remove":
                return Remove(self.stage)
            case "cache":
                return CacheHit(self.stage, self.by / 100)
            case "output":
                return Tokens(self.stage, output_factor=1.0 - self.by / 100)
            case "input":
                return Tokens(self.stage, input_factor=1.0 - self.by / 100)
            case "beside":
                return None if self.beside is None else Parallel(self.stage, self.beside)
            case "replicas":
                return Replicas(self.stage, self.by)
            case _:
                return Scale(self.stage, self.by / 100)

    def command(self) -> str:
        """The same question to the command line."""
        options = {
            "time": f"--scale {self.by / 100:g}",
            "remove": "--remove",
            "cache": f"--cache-hit {self.by / 100:g}",
            "output": f"--output-tokens -{self.by}%",
            "input": f"--input-tokens -{self.by}%",
            "beside": f"--parallel-with {shlex.quote(shown_text.line(self.beside or ''))}",
            "replicas": f"--replicas {self.by}",
        }
        stage = shlex.quote(shown_text.line(self.stage))
        return f"latprobe whatif --stage {stage} {options[self.kind]}"

    def query_params(self) -> dict[str, str]:
        """What the address says of it."""
        found = {"whatif": self.stage, "change": self.kind}
        if KINDS[self.kind].unit:
            found["by"] = str(self.by)
        if self.kind == "beside" and self.beside is not None:
            found["beside"] = self.beside
        return found


def parse(raw: Mapping[str, str], stages: Sequence[str], usual: str) -> tuple[Choice, list[str]]:
    """The choice that an address asks for, and a sentence for each part that means nothing."""
    notes: list[str] = []
    stage, kind = raw.get("whatif", usual), raw.get("change", "time")
    if stage not in stages:
        notes.append(f"No stage called {shown_text.line(stage)} is in this window.")
        stage = usual
    if kind not in KINDS:
        words = ", ".join(KINDS)
        notes.append(f"{shown_text.line(kind)} is not a change ({words}); showing half the time.")
        kind = "time"
    by = KINDS[kind].usual
    if (text := raw.get("by")) is not None and KINDS[kind].unit:
        number = _whole(text, KINDS[kind])
        if number is None:
            limits = f"{KINDS[kind].least} to {KINDS[kind].most:,}"
            notes.append(f"{shown_text.line(text)} is not a number from {limits}; showing {by}.")
        by = by if number is None else number
    beside = raw.get("beside") if kind == "beside" else None
    if beside is not None and (beside not in stages or beside == stage):
        notes.append(f"{shown_text.line(beside)} is no other stage here; choose one.")
        beside = None
    return Choice(stage, kind, by, beside), notes


def _whole(text: str, kind: Kind) -> int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number) or number != int(number) or not kind.least <= number <= kind.most:
        return None
    return int(number)
