"""Service, run and window: chosen in the head of a page, kept in the URL.

The URL wins; what it does not say is what this visitor chose before. A value that means nothing
is dropped with a note, so a hand-written or outdated link still opens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

import streamlit as st

from latprobe.analysis.scope import Scope
from latprobe.clock import wall_ns
from latprobe_dashboard import quantities, shown_text, visitor
from latprobe_dashboard.store_lists import RunChoice

MINUTE_NS = 60_000_000_000
WINDOWS = {"15m": 15, "1h": 60, "24h": 1_440, "7d": 10_080, "all": None}  # minutes
# A window begins on a multiple of so many minutes: until the next one it is the same question,
# and its cached answer is found.
_STEPS = {"24h": 10, "7d": 60}
WINDOW_WORDS = {
    "15m": "the last 15 minutes",
    "1h": "the last hour",
    "24h": "the last 24 hours",
    "7d": "the last 7 days",
    "all": "all time",
}
_NAMES = ("service", "run", "window")
_REMEMBERED = "latprobe_filters"


@dataclass(frozen=True, slots=True)
class Filters:
    """What the visitor looks at; None is "all"."""

    service: str | None = None
    run: int | None = None
    window: str = "all"

    def scope(self, *, now_ns: int) -> Scope:
        """The filter as the analysis takes it."""
        minutes = WINDOWS[self.window]
        step_ns = _STEPS.get(self.window, 1) * MINUTE_NS
        begin = None if minutes is None else now_ns // step_ns * step_ns - minutes * MINUTE_NS
        return Scope(service=self.service, run_id=self.run, from_ns=begin)

    def query_params(self) -> dict[str, str]:
        """Only what differs from the defaults, so that a plain view has a plain address."""
        shown = {
            "service": self.service,
            "run": None if self.run is None else str(self.run),
            "window": None if self.window == "all" else self.window,
        }
        return {name: text for name, text in shown.items() if text is not None}


def parse(raw: dict[str, str], runs: list[RunChoice]) -> tuple[Filters, list[str]]:
    """The filters an address asks for, and a sentence for each part that means nothing."""
    notes: list[str] = []
    chosen = Filters()
    if (service := raw.get("service")) is not None:
        if service in {run.service for run in runs}:
            chosen = replace(chosen, service=service)
        else:
            notes.append(f"No service is called {shown_text.line(service)}; showing all.")
    if (run_text := raw.get("run")) is not None:
        run_id = int(run_text) if run_text.isdecimal() and len(run_text) < 12 else None
        if run_id in {run.run_id for run in runs if chosen.service in (None, run.service)}:
            chosen = replace(chosen, run=run_id)
        else:
            notes.append(f"There is no run {shown_text.line(run_text)} here; showing all.")
    if (window := raw.get("window")) is not None:
        if window in WINDOWS:
            chosen = replace(chosen, window=window)
        else:
            words = ", ".join(WINDOWS)
            notes.append(f"{shown_text.line(window)} is not a window ({words}); showing all.")
    return chosen, notes


def current(runs: list[RunChoice]) -> tuple[Filters, list[str]]:
    """The filters in force, remembered and written back to the URL."""
    remembered: dict[str, str] = st.session_state.get(_REMEMBERED, {})
    asked = {name: st.query_params[name] for name in _NAMES if name in st.query_params}
    chosen, notes = parse({**remembered, **asked}, runs)
    _write(chosen)
    return chosen, notes if asked else []


def choose(chosen: Filters, runs: list[RunChoice]) -> None:
    """The three controls, for the head of a page."""
    services = sorted({run.service for run in runs})
    if len(services) > 1:
        st.session_state["w_service"] = chosen.service
        st.selectbox(
            "Service",
            services,
            key="w_service",
            format_func=_service_words,
            placeholder="All services",
            label_visibility="collapsed",
            width=170,
            on_change=_picked,
            args=("service",),
        )
    offered = [run for run in runs if chosen.service in (None, run.service)]
    if len(offered) > 1:
        st.session_state["w_run"] = chosen.run
        words = {run.run_id: _run_words(run) for run in offered}
        st.selectbox(
            "Run",
            list(words),
            key="w_run",
            format_func=words.__getitem__,
            placeholder="All runs",
            label_visibility="collapsed",
            width=220,
            on_change=_picked,
            args=("run",),
        )
    st.session_state["w_window"] = chosen.window
    st.segmented_control(
        "Window",
        list(WINDOWS),
        key="w_window",
        label_visibility="collapsed",
        required=True,
        on_change=_picked,
        args=("window",),
        width="content",
    )


def _picked(name: str) -> None:
    """A control changed: the URL and the memory follow."""
    value = st.session_state[f"w_{name}"]
    remembered = dict(st.session_state.get(_REMEMBERED, {}))
    if name == "service":  # a run belongs to one service
        remembered.pop("run", None)
        st.query_params.pop("run", None)
    if value is None:
        remembered.pop(name, None)
        st.query_params.pop(name, None)
    else:
        remembered[name] = st.query_params[name] = str(value)
    st.session_state[_REMEMBERED] = remembered


def _write(chosen: Filters) -> None:
    wanted = chosen.query_params()
    st.session_state[_REMEMBERED] = wanted
    for name in _NAMES:
        if name not in wanted:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != wanted[name]:
            st.query_params[name] = wanted[name]


def _service_words(service: str) -> str:
    return shown_text.line(service, 40)


def _run_words(run: RunChoice) -> str:
    started = quantities.local_time(run.started_ns, visitor.zone()).strftime("%d %b %H:%M:%S")
    version = f" · {shown_text.line(run.version, 16)}" if run.version else ""
    return f"Run {run.run_id} · {started}{version}"


def shown() -> str:
    """What this run of the script shows, as in the address; the browser tests wait for it."""
    remembered: dict[str, str] = st.session_state.get(_REMEMBERED, {})
    return urlencode(remembered)


def now_ns() -> int:
    """The wall clock."""
    return wall_ns()
