"""Can I trust this data? What was lost, what recording cost, and the state of the store."""

from __future__ import annotations

import streamlit as st

from latprobe.analysis.coverage import Observer
from latprobe.analysis.scope import Scope
from latprobe.store.status import StoreStatus
from latprobe_dashboard import connection, data, quantities, shown_text, visitor
from latprobe_dashboard.charts import cards
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.pages import health_settings

TITLE, PATH, ICON = "Health", "health", ":material/verified:"
QUESTION = "Can I trust this data?"
LOW_COVERAGE = 0.7
HIGH_OVERHEAD = 0.02


def render() -> None:
    show(QUESTION, _body)


def _body(scope: Scope) -> None:
    data.begin(lambda: data.overview(scope), data.clock_skew)
    status = data.status()
    observer = data.observer(scope)
    notes = _notes(observer, status)
    if notes:
        sentence(["<b>With care.</b>", *notes])
    else:
        sentence(["<b>Yes.</b> Nothing was dropped, and nothing was set aside as damaged."])
    cards.mount(_cards(observer, status))
    left, right = st.columns([1, 1], gap="medium")
    with left:
        _facts("Store", [*_store_facts(status), *health_settings.store_facts(status)])
        _facts("Software of this dashboard", health_settings.software_facts())
    with right:
        _facts("Agent", _agent_facts(status))
        _facts(*_run_facts(scope))
        _facts("Instrumentation found here", health_settings.instrumentation_facts())
    health_settings.settings_table()


def _notes(observer: Observer, status: StoreStatus) -> list[str]:
    notes = []
    if observer.dropped:
        total = observer.dropped + observer.recorded
        notes.append(
            f'<span class="lp-bad">{quantities.count(observer.dropped)} spans were dropped</span> '
            f"({quantities.share(observer.dropped / total)})."
        )
    if status.quarantined:
        notes.append(
            f"{quantities.count(status.quarantined)} damaged journal segments were set aside in "
            "the store's quarantine folder."
        )
    if observer.coverage is not None and observer.coverage < LOW_COVERAGE:
        notes.append(
            f"Stages explain only <b>{quantities.share(observer.coverage)}</b> of the requests' "
            "time: put stages around the rest."
        )
    notes += [shown_text.markup(note, 300) for note in status.notes]
    overhead = observer.overhead_share_estimated
    if overhead is not None and overhead > HIGH_OVERHEAD:
        notes.append(
            f"Recording itself cost about <b>{quantities.share(overhead)}</b> of the requests' "
            "time: use fewer, longer stages."
        )
    return notes


def _cards(observer: Observer, status: StoreStatus) -> list[cards.Card]:
    return [
        cards.Card(
            "Recorded",
            quantities.count(observer.recorded),
            "spans of these runs",
            help="Spans that reached the journal, of the runs that are chosen above",
        ),
        cards.Card(
            "Dropped",
            quantities.count(observer.dropped),
            "spans not recorded",
            help="Spans that found no room while the disk was full",
        ),
        cards.Card(
            "Coverage",
            quantities.share(observer.coverage),
            "of request time",
            help="Share of the requests' time in which at least one stage ran",
        ),
        cards.Card(
            "Own overhead",
            quantities.share(observer.overhead_share_estimated),
            "of request time, est.",
            help="Estimated: the spans of these requests times what recording one costs",
        ),
        cards.Card(
            "Store",
            quantities.size(status.db_bytes),
            f"{_per_span(status)} a span",
            help="The database's file with all runs; spans, counters and prompts",
        ),
        cards.Card(
            "Set aside",
            quantities.count(status.quarantined),
            "damaged segments",
            help="Parts of the journal that could not be read, kept in the store's folder",
        ),
    ]


def _per_span(status: StoreStatus) -> str:
    return quantities.size(status.db_bytes / status.spans) if status.spans else "no spans yet"


def _store_facts(status: StoreStatus) -> list[tuple[str, str]]:
    zone = visitor.zone()
    return [
        ("folder", shown_text.line(str(status.home), 300)),
        ("spans", quantities.exact(status.spans)),
        ("traces", quantities.exact(status.traces)),
        ("oldest", quantities.moment(status.oldest_ns, zone)),
        ("newest", quantities.moment(status.newest_ns, zone)),
        ("database", quantities.size(status.db_bytes)),
        ("journal", quantities.size(status.journal_bytes)),
        ("waiting segments", quantities.exact(status.pending_segments)),
        ("schema version", str(status.schema_version)),
    ]


def _run_facts(scope: Scope) -> tuple[str, list[tuple[str, str]]]:
    """The chosen run, else the newest one."""
    runs = data.runs()
    run_id = scope.run_id if scope.run_id is not None else runs[0].run_id if runs else None
    run = None if run_id is None else data.run(run_id)
    if run is None:
        return "Run", [("state", "none recorded")]
    known = [
        ("service", run.service),
        ("version", run.version),
        ("git commit", run.git_commit),
        ("host", run.host),
        ("platform", run.platform),
        ("Python", run.python),
        ("device", run.device),
        ("started", quantities.moment(run.started_ns, visitor.zone())),
    ]
    title = f"Run {run_id}" if scope.run_id is not None else f"Newest run ({run_id})"
    return title, [(label, shown_text.line(text, 200)) for label, text in known if text]


def _agent_facts(status: StoreStatus) -> list[tuple[str, str]]:
    if status.agent_pid is None:
        return [("state", "no agent: this dashboard reads the store itself")]
    return [
        ("state", "running"),
        ("process", str(status.agent_pid)),
        ("since", quantities.moment(status.agent_started_ns, visitor.zone())),
        ("restarts seen", quantities.exact(connection.agent_restarts())),
    ]


def _facts(title: str, facts: list[tuple[str, str]]) -> None:
    body = "".join(
        f"<dt>{shown_text.markup(label, 60)}</dt><dd>{shown_text.block_markup(text)}</dd>"
        for label, text in facts
    )
    st.html(f'<p class="lp-h">{title}</p><dl class="lp-facts">{body}</dl>')
