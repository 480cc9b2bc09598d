"""The dashboard's charts in a notebook: `latprobe.show(trace)` and `latprobe.report()`.

Each result is a document of its own in an iframe, so that a notebook's styles and ours cannot
disturb each other; it holds its data and its script, and loads nothing.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latprobe.analysis.report import Report, build_report
from latprobe.analysis.scope import Scope
from latprobe.analysis.timeline import TimelinePoint, stage_timeline
from latprobe.analysis.trace import Trace, load_trace
from latprobe.analysis.traces import named_trace
from latprobe.config import load_settings
from latprobe.store.query import Query
from latprobe.store.reader import open_reader
from latprobe_dashboard import quantities
from latprobe_dashboard.charts import latency, rows, waterfall
from latprobe_dashboard.charts.scripts import source
from latprobe_dashboard.pages import stage_table

FLUSH_S = 10.0
TABLE_HEIGHT = 392

# Streamlit gives its components these; a notebook has none of them.
_PAGE = """
:root {
  color-scheme: light dark; --st-font: Inter, "Segoe UI", system-ui, sans-serif;
  --st-text-color: light-dark(#1b2129, #e4e8ee);
  --st-background-color: light-dark(#ffffff, #11151b);
}
body {
  margin: 0; font: 14px var(--st-font);
  color: var(--st-text-color); background: var(--st-background-color);
}
p { margin: 0 0 1.6rem; } section { margin-bottom: 2rem; }
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """One of the dashboard's charts: its element, its files, and what it is drawn from.

    `data` is JSON or, for the waterfall, packed bytes.
    """

    markup: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    data: dict[str, Any] | bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """What a notebook draws, and a console prints: `words` say the same in a sentence."""

    words: str
    charts: tuple[Chart, ...]
    height: int

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        document = html.escape(_document(self.words, self.charts))
        return (
            f'<iframe srcdoc="{document}" title="latprobe" sandbox="allow-scripts allow-downloads" '
            f'style="width:100%;height:{self.height}px;border:0"></iframe>'
        )


def show(trace: str = "latest", *, home: str | Path | None = None) -> Shown:
    """One request as a waterfall, with the critical path marked.

    `trace` is an id's first digits, `latest` or `slowest`; `home` another store than the one in
    force. NoDataError if there is none, UsageError if the digits fit several.
    """
    with _query(home) as query:
        found = load_trace(query, named_trace(query, trace))
    data = waterfall.pack(found.spans, duration_ns=found.duration_ns, selected=-1)
    chart = Chart('<div class="frame"></div>', ("waterfall.css",), waterfall.SCRIPTS, data)
    return Shown(_trace_words(found), (chart,), waterfall.height_of(len(found.spans)) + 110)


def report(
    *, service: str | None = None, run: int | None = None, home: str | Path | None = None
) -> Shown:
    """The stages by what requests wait for, and latency over time.

    Of one service or run if it is named. NoDataError when nothing is recorded there.
    """
    scope = Scope(service=service, run_id=run)
    with _query(home) as query:
        found = build_report(query, scope)
        points = stage_timeline(query, scope)
    return Shown(_report_words(found), (_stages(found), _latency(points)), 950)


@contextmanager
def _query(home: str | Path | None) -> Iterator[Query]:
    settings = load_settings(home=None if home is None else Path(home))
    with open_reader(settings.home, start_agent=settings.agent) as reader:
        reader.flush(timeout_s=FLUSH_S)
        yield reader.query


def _stages(found: Report) -> Chart:
    top = max((row.critical_share for row in found.stages), default=0.0) or 1.0
    drawn = [stage_table.stage_row(row, top, is_linked=False) for row in found.stages]
    label = "Stages by critical path"
    columns = stage_table.COLUMNS
    data = rows.rows_data(columns, drawn, label=label, height=TABLE_HEIGHT, is_saved=True)
    return Chart(rows.MARKUP, ("rows.css",), rows.SCRIPTS, data)


def _latency(points: Sequence[TimelinePoint]) -> Chart:
    data = latency.latency_data(points)
    return Chart('<div class="frame"></div>', ("latency.css",), latency.SCRIPTS, data)


def _trace_words(found: Trace) -> str:
    words = f"{found.trace_id[:8]}: {quantities.nanoseconds(found.duration_ns)}"
    if found.usual_p50_ms:
        ratio = found.duration_ns / 1e6 / found.usual_p50_ms
        words += f", {quantities.times(ratio)} its usual p50"
    longest = max(found.spans, key=lambda span: span.critical_ns or 0)
    return f"{words}; it waits most for {longest.name}."


def _report_words(found: Report) -> str:
    stats = found.requests
    words = f"{quantities.counted(stats.count, 'request')}"
    words += f", p50 {quantities.milliseconds(stats.p50_ms)}"
    words += f", p95 {quantities.milliseconds(stats.p95_ms)}"
    if not found.stages:
        return words + "."
    first = found.stages[0]
    return (
        f"{words}; {first.name} is {quantities.share(first.critical_share)} of what they wait for."
    )


def _document(words: str, charts: Sequence[Chart]) -> str:
    body = "".join(_section(chart) for chart in charts)
    return (
        f'<!doctype html><meta charset="utf-8"><style>{_PAGE}</style>'
        f"<p>{html.escape(words)}</p>{body}"
    )


def _section(chart: Chart) -> str:
    """A shadow root as Streamlit gives one, and the component's script called with its data."""
    script = source(*chart.scripts).replace("export default ", "const draw = ", 1)
    shadow = json.dumps(f"<style>{source(*chart.styles)}</style>{chart.markup}")
    if isinstance(chart.data, bytes):
        packed = base64.b64encode(chart.data).decode("ascii")
        data = f'Uint8Array.from(atob("{packed}"), (c) => c.charCodeAt(0))'
    else:
        data = json.dumps(chart.data)
    # Inside a script element only "</" could end it, and names come from recorded programs.
    return (
        '<section></section><script>(() => { "use strict";\n'
        f"const host = document.currentScript.previousElementSibling;\n{script}\n"
        f'host.attachShadow({{ mode: "open" }}).innerHTML = {_in_script(shadow)};\n'
        f"draw({{ data: {_in_script(data)}, parentElement: host.shadowRoot, "
        "setTriggerValue: () => {} });\n})();</script>"
    )


def _in_script(literal: str) -> str:
    return literal.replace("<", "\\u003c")
