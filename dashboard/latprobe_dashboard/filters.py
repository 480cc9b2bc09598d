"""What the visitor looks at: chosen in the head of a page, kept in the URL.

The URL wins; what it does not say is what this visitor chose before. A value that means nothing
is dropped with a note, so a hand-written or outdated link still opens.
"""

from __future__ import annotations

from collections.abc import Callable
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
_NAMES = ("service", "run", "window", "version", "passes", "calls", "tag")
LONGEST = 1_000  # characters of a value in an address
_REMEMBERED = "latprobe_filters"


@dataclass(frozen=True, slots=True)
class Filters:
    """What the visitor looks at; None is "all".

    Requests have a span of the stage that `passes` names, call the model that `calls` names, and
    have a span with the attribute `tag`, its name and its value.
    """

    service: str | None = None
    run: int | None = None
    window: str = "all"
    version: str | None = None
    passes: str | None = None
    calls: str | None = None
    tag: tuple[str, str] | None = None

    def scope(self, *, now_ns: int) -> Scope:
        """The filter as the analysis takes it."""
        minutes = WINDOWS[self.window]
        step_ns = _STEPS.get(self.window, 1) * MINUTE_NS
        begin = None if minutes is None else now_ns // step_ns * step_ns - minutes * MINUTE_NS
        return Scope(
            service=self.service,
            run_id=self.run,
            from_ns=begin,
            version=self.version,
            passing=self.passes,
            calling=self.calls,
            tag=self.tag,
        )

    @property
    def more(self) -> tuple[str, ...]:
        """What is chosen beyond service, run and window, in words."""
        tag = None if self.tag is None else f"{self.tag[0]} = {self.tag[1]}"
        return tuple(text for text in (self.version, self.passes, self.calls, tag) if text)

    def query_params(self) -> dict[str, str]:
        """Only what differs from the defaults, so that a plain view has a plain address."""
        shown = {
            "service": self.service,
            "run": None if self.run is None else str(self.run),
            "window": None if self.window == "all" else self.window,
            "version": self.version,
            "passes": self.passes,
            "calls": self.calls,
            "tag": None if self.tag is None else "=".join(self.tag),
        }
        return {name: text for name, text in shown.items() if text is not None}


def parse(
    raw: dict[str, str], runs: list[RunChoice], exists: Callable[[Scope], bool]
) -> tuple[Filters, list[str]]:
    """The filters an address asks for, and a sentence for each part that means nothing.

    `exists` says whether the store has any request with a stage, a model or a tag.
    """
    notes: list[str] = []
    chosen = _runs_of(raw, runs, notes)
    if (window := raw.get("window")) is not None:
        if window in WINDOWS:
            chosen = replace(chosen, window=window)
        else:
            words = ", ".join(WINDOWS)
            notes.append(f"{shown_text.line(window)} is not a window ({words}); showing all.")
    for name, make, words in _REQUEST_FILTERS:
        if (text := raw.get(name)) is None:
            continue
        found = make(text)
        if found is not None and exists(found.scope(now_ns=0)):
            chosen = replace(chosen, **{name: getattr(found, name)})
        else:
            notes.append(f"{words} {shown_text.line(text)}; showing all.")
    return chosen, notes


def _runs_of(raw: dict[str, str], runs: list[RunChoice], notes: list[str]) -> Filters:
    """Service, version and run; a run of another service or version is not there."""
    chosen = Filters()
    if (service := raw.get("service")) is not None:
        if service in {run.service for run in runs}:
            chosen = replace(chosen, service=service)
        else:
            notes.append(f"No service is called {shown_text.line(service)}; showing all.")
    if (version := raw.get("version")) is not None:
        if any(version in (run.version, run.git_commit) for run in runs):
            chosen = replace(chosen, version=version)
        else:
            notes.append(f"No run is of version {shown_text.line(version)}; showing all.")
    if (run_text := raw.get("run")) is not None:
        run_id = int(run_text) if run_text.isdecimal() and len(run_text) < 12 else None
        if run_id in {run.run_id for run in offered(chosen, runs)}:
            chosen = replace(chosen, run=run_id)
        else:
            notes.append(f"There is no run {shown_text.line(run_text)} here; showing all.")
    return chosen


def offered(chosen: Filters, runs: list[RunChoice]) -> list[RunChoice]:
    """The runs of the chosen service and version."""
    return [
        run
        for run in runs
        if chosen.service in (None, run.service)
        and chosen.version in (None, run.version, run.git_commit)
    ]


def tag_of(text: str) -> tuple[str, str] | None:
    """NAME=VALUE as a pair; None where it is not one."""
    name, sign, value = text.partition("=")
    return (name.strip(), value.strip()) if sign and name.strip() else None


def _tagged(text: str) -> Filters | None:
    tag = tag_of(text) if len(text) <= LONGEST else None
    return None if tag is None else Filters(tag=tag)


_REQUEST_FILTERS: tuple[tuple[str, Callable[[str], Filters | None], str], ...] = (
    ("passes", lambda text: Filters(passes=text) if text else None, "No request has a stage"),
    ("calls", lambda text: Filters(calls=text) if text else None, "No request calls a model"),
    ("tag", _tagged, "No request has an attribute"),
)


def current(runs: list[RunChoice], exists: Callable[[Scope], bool]) -> tuple[Filters, list[str]]:
    """The filters in force, remembered and written back to the URL."""
    before: dict[str, str] = st.session_state.get(_REMEMBERED, {})
    asked = {name: st.query_params[name] for name in _NAMES if name in st.query_params}
    chosen, notes = parse({**before, **asked}, runs, exists)
    _write(chosen)
    return chosen, notes if asked else []


def remembered(runs: list[RunChoice], exists: Callable[[Scope], bool]) -> Filters:
    """The filters chosen on another page, for a page whose address does not have them."""
    known: dict[str, str] = st.session_state.get(_REMEMBERED, {})
    return parse(known, runs, exists)[0] if known else Filters()


def choose(chosen: Filters, runs: list[RunChoice], *, has_window: bool = True) -> None:
    """The controls for service, run and, where the page has one, the window."""
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
            width=150,
            on_change=_picked,
            args=("service",),
        )
    own = offered(chosen, runs)
    if len(own) > 1:
        st.session_state["w_run"] = chosen.run
        words = {run.run_id: _run_words(run) for run in own}
        st.selectbox(
            "Run",
            list(words),
            key="w_run",
            format_func=words.__getitem__,
            placeholder="All runs",
            label_visibility="collapsed",
            width=200,
            on_change=_picked,
            args=("run",),
        )
    if not has_window:
        return
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
    keep(name, st.session_state[f"w_{name}"])


def keep(name: str, value: object) -> None:
    """Puts a choice into the URL and the memory; None takes it out."""
    chosen = dict(st.session_state.get(_REMEMBERED, {}))
    if name in ("service", "version"):  # a run belongs to one service and version
        chosen.pop("run", None)
        st.query_params.pop("run", None)
    if value is None:
        chosen.pop(name, None)
        st.query_params.pop(name, None)
    else:
        chosen[name] = st.query_params[name] = str(value)
    st.session_state[_REMEMBERED] = chosen


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
    return urlencode(st.session_state.get(_REMEMBERED, {}))


def now_ns() -> int:
    """The wall clock."""
    return wall_ns()
