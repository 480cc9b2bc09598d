"""Was the GPU busy or waiting? Per stage: what it does to the GPU, and what limits it."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from latprobe.analysis.gpu.programs import labels
from latprobe.analysis.gpu.stages import GpuReport, GpuStage
from latprobe.analysis.scope import Scope
from latprobe_dashboard import gpu_data, gpu_reports, gpu_words, links, quantities, shown_text
from latprobe_dashboard.charts import cards, gpu_split, gpu_timeline, gpu_work, rows
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.gpu_moment import Moment
from latprobe_dashboard.gpu_queries import DRAWN, SM, UTILIZATION, Card, Cards
from latprobe_dashboard.pages.gpu_empty import NO_GPM, how_to_read_gpus
from latprobe_dashboard.pages.gpu_evidence import evidence
from latprobe_dashboard.pages.gpu_table import table
from latprobe_dashboard.pages.gpu_tiles import tiles

TITLE, PATH, ICON = "GPU", "gpu", ":material/memory:"
QUESTION = "Was the GPU busy or waiting?"
STYLE_FILE = Path(__file__).parent.parent / "gpu.css"
LOOK_AGAIN_S = 0.5
_AT = "latprobe_gpu_at"


def render() -> None:
    show(QUESTION, _body)


def _body(scope: Scope) -> None:
    st.html(f"<style>{STYLE_FILE.read_text('utf-8')}</style>")
    seen = gpu_data.gpu_cards(scope)
    if not seen.cards:
        sentence([f"{quantities.counted(seen.requests, 'request')}, and no GPU was read."])
        how_to_read_gpus()
        return
    card = _chosen(seen)
    known = gpu_reports.latest(scope)
    report = known.report
    stages = [] if report is None else [s for s in report.stages if s.device == card.uuid]
    if report is None:
        _working(scope)
    else:
        sentence(gpu_words.answer(report, stages, card))
    st.html(f'<p class="lp-note">{_whose(card)}</p>')
    idle_mw = None if report is None else report.idle_power_mw.get(card.uuid)
    cards.mount(tiles(card, idle_power_mw=idle_mw))
    if report is not None:
        gpu_split.mount(gpu_split.parts(report, stages))
    _timeline(scope, _window_of(seen, card), card, stages)
    if report is not None:
        _stages(scope, stages)
        _basis(report, card, stages)


def _window_of(seen: Cards, card: Card) -> Cards:
    """The time of the requests on this card, and how many: other programs ran at other times."""
    if not card.runs:
        return seen
    return Cards(seen.cards, card.first_ns, card.last_ns, card.requests)


def _whose(card: Card) -> str:
    """Which programs' requests ran on the card, and where."""
    if not card.runs:
        return "No program in this window is known to have used this GPU."
    services = ", ".join(shown_text.markup(each or "no service", 40) for each in card.services)
    hosts = ", ".join(shown_text.markup(each, 60) for each in card.hosts)
    counted = quantities.counted(card.requests, "request")
    return f"{counted} of {services} ran on it{f', on {hosts}' if hosts else ''}."


def _chosen(seen: Cards) -> Card:
    """The card in the address, else the one that drew the most power."""
    by_uuid = {card.uuid: card for card in seen.cards}
    asked = st.query_params.get("device")
    if len(by_uuid) == 1:
        return seen.cards[0]
    if asked is not None and asked not in by_uuid:
        st.info(f"No GPU called {shown_text.line(asked)} was read in this window.")
    busiest = max(seen.cards, key=_busy)
    st.session_state["w_device"] = asked if asked in by_uuid else busiest.uuid
    tells_hosts = len({host for card in seen.cards for host in card.hosts}) > 1
    names = {card.uuid: tab_words(card, tells_hosts=tells_hosts) for card in seen.cards}
    picked: str | None = st.segmented_control(
        "GPU",
        list(by_uuid),
        key="w_device",
        format_func=names.__getitem__,
        label_visibility="collapsed",
        required=True,
        on_change=_picked_device,
    )
    return by_uuid[picked or busiest.uuid]


def tab_words(card: Card, *, tells_hosts: bool = False) -> str:
    """What tells a card from the others: its name and id, the programs that ran on it, and where
    the cards are of several hosts, which may all call theirs "0"."""
    services, hosts = ", ".join(each for each in card.services if each), ", ".join(card.hosts)
    named = f"{shown_text.line(card.name or 'GPU', 30)} · {gpu_words.short_id(card.uuid)}"
    whose = [services or hosts, hosts if tells_hosts and services else ""]
    return " · ".join([named, *(shown_text.line(each, 30) for each in whose if each)])


def file_name(card: Card, *, is_only: bool) -> str:
    """What a picture of the card's moment is saved as: of several cards its id and hosts are in it,
    in letters that every file system takes."""
    told = [] if is_only else [gpu_words.short_id(card.uuid), *card.hosts]
    words = re.findall(r"[a-z0-9]+", " ".join(told).lower())
    return "-".join(["gpu-timeline", *words])[:80]


def _busy(card: Card) -> float:
    metric = card.metrics.get(SM) or card.metrics.get(UTILIZATION)
    return 0.0 if metric is None else metric.mean


def _picked_device() -> None:
    st.query_params["device"] = st.session_state["w_device"]


@st.fragment(run_every=LOOK_AGAIN_S)
def _working(scope: Scope) -> None:
    """Stands where the answer will be, and looks for it."""
    if gpu_reports.latest(scope).report is not None:
        st.rerun()
    sentence(['<span class="lp-working">Telling apart what each stage does to the GPU…</span>'])


@st.fragment
def _timeline(scope: Scope, seen: Cards, card: Card, stages: list[GpuStage]) -> None:
    """The chart; another moment redraws only this."""
    at_ns = _moment_ns(seen, card)
    moment = gpu_data.gpu_moment(scope, at_ns=at_ns, runs=card.runs)
    if moment is None:
        return
    st.html(
        '<p class="lp-h">Stages and counters on one time axis'
        f"<small>{quantities.counted(moment.requests, 'request')} of {seen.requests:,}; click the "
        "strip for another moment</small></p>"
        '<div class="lp-legend"><span><i class="lp-gpu-nothing"></i>the GPU has no work</span>'
        f"<span>height on the GPU lane: {_height_words(card)}, attributed to the stage</span>"
        '<span class="lp-keys">Ctrl+scroll: zoom · drag: pan · double-click: fit</span></div>'
    )
    picked = gpu_timeline.mount(_chart(scope, seen, card, stages, moment), key="lp_gpu_timeline")
    if picked.span is not None:
        span = moment.spans[picked.span]
        links.go("trace", id=span.trace_id, span=span.span_id)
    if picked.moment_ns is not None and picked.moment_ns != at_ns:
        st.query_params["at"] = str(min(max(picked.moment_ns, seen.first_ns), seen.last_ns))
        st.rerun(scope="fragment")


def _height_words(card: Card) -> str:
    return "SM active" if SM in card.metrics else "time in which some kernel ran"


def _moment_ns(seen: Cards, card: Card) -> int:
    """The moment in the address if it is one of the window, else one with readings."""
    asked = st.query_params.get("at", "")
    at_ns = int(asked) if asked.isdecimal() and len(asked) < 20 else -1
    return at_ns if seen.first_ns <= at_ns <= seen.last_ns else read_moment_ns(seen, card)


def read_moment_ns(seen: Cards, card: Card) -> int:
    """The moment nearest to the window's middle at which this card was read: other cards, and
    programs without any, may have run for most of it."""
    middle = (seen.first_ns + seen.last_ns) // 2
    gauge = card.metrics.get(SM) or card.metrics.get(UTILIZATION)
    known = [] if gauge is None else [at for at, v in enumerate(gauge.trend) if v is not None]
    if gauge is None or not known:
        return middle
    nearest = min(known, key=lambda at: abs(2 * at + 1 - len(gauge.trend)))
    wide = (seen.last_ns - seen.first_ns) / len(gauge.trend)
    near = seen.first_ns + int((nearest + 0.5) * wide)
    return min(max(near, gauge.first_ns), gauge.last_ns)


def _chart(
    scope: Scope, seen: Cards, card: Card, stages: list[GpuStage], moment: Moment
) -> dict[str, object]:
    gauge = card.metrics.get(SM) or card.metrics.get(UTILIZATION)
    strip = None
    if gauge is not None:
        label = "SM active" if SM in card.metrics else "Utilisation"
        strip = gpu_timeline.Strip(label, gauge.trend, seen.first_ns, seen.last_ns)
    modalities = gpu_data.modalities(scope)
    around = {span.name for span in moment.spans if span.row == 0}
    work, gaps = gpu_work.work_and_gaps(
        moment.held,
        {stage.name: stage for stage in stages},
        modalities,
        roots=frozenset(around),
        first_ns=moment.first_ns,
        last_ns=moment.last_ns,
    )
    readings = gpu_data.readings(moment.first_ns, moment.last_ns, metrics=DRAWN, device=card.uuid)
    timed = any(each.is_timed for each in moment.held)
    return gpu_timeline.moment_data(
        moment,
        readings,
        strip,
        work=work if stages else [],
        gaps=gaps if stages else [],
        work_label="by event pairs" if timed else "by host times",
        file=file_name(card, is_only=len(seen.cards) < 2),
    )


@st.fragment
def _stages(scope: Scope, stages: list[GpuStage]) -> None:
    """The table and the evidence of the chosen row; another row redraws only these."""
    if not stages:
        return
    names = list(labels([s.name for s in stages], [s.service for s in stages]))
    asked = st.query_params.get("stage")
    chosen = asked if asked in names else names[0]
    columns, body, left_out = table(
        stages, gpu_data.modalities(scope), names=names, selected=chosen, link=_link
    )
    st.html('<p class="lp-h">Stages on this GPU<small>a row shows its evidence</small></p>')
    opened = rows.mount(columns, body, key="lp_gpu_stages", label="Stages on this GPU")
    for reason, columns_left in left_out.items():
        words = f"{reason[:1].upper()}{reason[1:]}: {', '.join(columns_left)}."
        st.html(f'<p class="lp-note">{shown_text.markup(words, 300)}</p>')
    if opened is not None and names[opened] != chosen:
        st.query_params["stage"] = names[opened]
        st.rerun(scope="fragment")
    evidence(stages[names.index(chosen)], scope)


def _link(name: str) -> str:
    return links.address(PATH, stage=name) if 0 < len(name) <= links.LONGEST_NAME else ""


def _basis(report: GpuReport, card: Card, stages: list[GpuStage]) -> None:
    """What the figures rest on."""
    use = report.card(card.uuid)
    readings = max((stage.sm_active_pct.windows for stage in stages), default=0)
    said = [
        f"Figures of {quantities.counted(0 if use is None else use.requests, 'request')}"
        + (f" and {readings:,} readings" if readings else "")
        + ". Counters are slower than stages: what each stage makes them read is attributed by "
        "least squares over many requests; where two stages always run together that is said.",
        "Utilisation is NVML's: the share of the time in which some kernel ran, however small.",
    ]
    if use is not None and use.idle_share is not None:
        said.append(
            f"No request ran in {quantities.share(use.idle_share)} of "
            f"{quantities.milliseconds(use.active_s * 1e3)}: the time from the first request to "
            "the last of each run. What lies between runs is left out."
        )
    if use is not None and use.starved_share is not None:
        said.append(
            f"In {quantities.share(use.starved_share)} of the requests' time no kernel ran."
        )
    if SM not in card.metrics:
        said.append(NO_GPM)
    costs = [stage.kernels.cost_ns for stage in stages if stage.kernels is not None]
    if costs:
        said.append(f"Profiling kernels took {quantities.nanoseconds(sum(costs))} in all.")
    said += [shown_text.line(note, 300) for note in report.notes]
    st.html("".join(f'<p class="lp-note">{shown_text.markup(each, 600)}</p>' for each in said))
