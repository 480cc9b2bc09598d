"""A gate's outcome: a table for people, JSON, and Markdown for a pull request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from latprobe.analysis.compare.proof import level_text
from latprobe.cli import figures, messages, output
from latprobe.cli.compare_text import share_text, signed_ms, title, value_text
from latprobe.cli.output import Column
from latprobe.errors import UsageError

if TYPE_CHECKING:
    from latprobe.analysis.compare.gate import Gate, GateRow

_COLUMNS = (
    *("Figure", "Baseline", "Now", "Change", "95 % interval"),
    *("Interval judged by", "Allowed", "Result"),
)
# What a narrow terminal does without, first the highest.
_GIVEN_UP = {"Interval judged by": 1}
_RESULTS = {"pass": "pass", "fail": "FAIL", "unclear": "cannot tell", "absent": "not measured"}
# GitHub shows what is appended to this file on the page of the run.
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
MOVED = 3


def write(gate: Gate, *, markdown: str | None, as_json: bool) -> None:
    """Prints the outcome and writes the summaries that were asked for."""
    text = as_markdown(gate)
    if as_json:
        output.data(gate.to_json())
    elif markdown == "-":
        for each in text.splitlines():
            output.line(each)
    else:
        print_gate(gate)
    if markdown not in (None, "-"):
        _append(Path(str(markdown)), text, mode="w")
    if summary := os.environ.get(STEP_SUMMARY):
        _append(Path(summary), text, mode="a")
    if gate.is_unclear and not gate.has_failed:
        messages.warn("some limits cannot be told from so few requests; see the result column.")


def print_gate(gate: Gate) -> None:
    """The outcome for a terminal."""
    output.line(headline(gate), style="bold")
    output.line()
    middle = [Column(each, give_up=_GIVEN_UP.get(each, 0)) for each in _COLUMNS[1:-1]]
    columns = [Column(_COLUMNS[0], "left", shorten=True), *middle, Column(_COLUMNS[-1], "left")]
    output.known_table(columns, [_cells(row) for row in gate.rows])
    for line in _reasons(gate):
        output.line(line)


def as_markdown(gate: Gate) -> str:
    """The outcome as a section for a pull request."""
    lines = [f"### latprobe: {headline(gate)}", "", _markdown_row(_COLUMNS)]
    lines.append("|" + "|".join([":--", *["--:"] * (len(_COLUMNS) - 2), ":--"]) + "|")
    for row in gate.rows:
        cells = _cells(row)
        if row.state == "fail":
            cells[-1] = f"**{cells[-1]}**"
        lines.append(_markdown_row(cells))
    reasons = _reasons(gate)
    if reasons:
        lines += ["", *(f"- {_escaped(line)}" for line in reasons)]
    return "\n".join(lines) + "\n"


def headline(gate: Gate) -> str:
    """The outcome in one sentence."""
    failed = sum(row.state == "fail" for row in gate.rows)
    against = ""
    if gate.requests_before is not None:
        against = f" against {figures.count(gate.requests_before)}"
    of = f"{figures.many(gate.requests_after, 'request')}{against}"
    if failed:
        return f"failed: {failed} of {figures.many(len(gate.rows), 'limit')} broken ({of})"
    if gate.is_unclear:
        return f"passed, but not everything can be told ({of})"
    if len(gate.unmeasured) == len(gate.rows):
        return f"nothing to judge: none of the figures was measured ({of})"
    return f"passed ({of})"


def _reasons(gate: Gate) -> list[str]:
    lines = [f"{_name(row)}: {row.reason}" for row in gate.rows if row.reason]
    if gate.has_failed and gate.comparison is not None:
        moved = [
            row
            for row in gate.comparison.rows
            if row.stage and row.metric == "p50_ms" and row.effect_ms is not None
            if row.verdict in ("worse", "appeared") and row.effect_ms.value > 0
        ]
        if moved:
            parts = [
                f"{row.stage} {signed_ms(row.effect_ms.value)}"
                for row in moved[:MOVED]
                if row.effect_ms is not None
            ]
            lines.append(f"Per request, the stages added: {', '.join(parts)}.")
    return [*lines, *gate.notes]


def _cells(row: GateRow) -> list[str]:
    change = figures.UNMEASURED if row.change is None else share_text(row.metric, row.change)
    return [
        _name(row),
        value_text(row.metric, row.before) if row.kind == "limit" else "",
        value_text(row.metric, row.after),
        change if row.kind == "limit" else "",
        _interval(row),
        _proof(row),
        _allowed(row),
        "likely worse" if row.is_likely else _RESULTS[row.state],
    ]


def _name(row: GateRow) -> str:
    return f"{row.stage}: {title(row.metric)}" if row.stage else title(row.metric)


def _allowed(row: GateRow) -> str:
    if row.kind == "limit":
        return share_text(row.metric, row.allowed)
    return value_text(row.metric, row.allowed)


def _interval(row: GateRow) -> str:
    if row.interval is None:
        return figures.UNMEASURED
    ends = (row.interval.low, row.interval.high)
    if row.kind == "limit":
        return " to ".join(f"{end * 100:+.1f}" for end in ends)
    return " to ".join(value_text(row.metric, end) for end in ends)


def _proof(row: GateRow) -> str:
    """At the level that the gate asks of this limit; empty where nothing was over it."""
    if row.proof is None:
        return ""
    ends = " to ".join(
        f"{end * 100:+.1f}" for end in (row.proof.interval.low, row.proof.interval.high)
    )
    return f"{ends} at {level_text(row.proof.level)}"


def _markdown_row(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """A stage's name is not Markdown."""
    for each in "\\`|<[":
        text = text.replace(each, f"\\{each}")
    return text.replace("\n", " ")


def _append(path: Path, text: str, *, mode: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
