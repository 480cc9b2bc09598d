"""Why a stage got its verdict: the sentence, its counters with intervals, its kernels."""

from __future__ import annotations

import html
from dataclasses import replace

import streamlit as st

from latprobe.analysis.gpu.attribution import Attributed
from latprobe.analysis.gpu.kernels import KernelStage
from latprobe.analysis.gpu.stages import GpuStage
from latprobe.analysis.scope import Scope
from latprobe_dashboard import gpu_data, gpu_words, links, quantities, shown_text

KERNEL_CHARS = 90


def evidence(stage: GpuStage, scope: Scope) -> None:
    """Draws the panel of the chosen stage."""
    verdict = html.escape(stage.verdict or "not certain")
    sentence = stage.sentence or "The evidence does not bear out any one limit."
    with st.container(border=True, key="lp_gpu_stage"):
        st.html(
            f'<p class="lp-span-name">{shown_text.markup(stage.name, 200)} '
            f'<span class="lp-verdict">{verdict}</span></p>'
            f'<p class="lp-answer">{shown_text.markup(quantities.typeset(sentence), 400)}</p>'
        )
        left, right = st.columns([1, 1], gap="medium")
        with left:
            _counters(stage)
        with right:
            _kernels(stage.kernels)
        _ways(stage, scope)


def _counters(stage: GpuStage) -> None:
    shown = (
        ("CPU thread", _exact(stage.cpu_share)),
        ("SM active", stage.sm_active_pct),
        ("Tensor cores", stage.tensor_active_pct),
        ("DRAM", stage.dram_active_pct),
        ("Some kernel", stage.utilization_pct),
    )
    body = "".join(_counter(label, found) for label, found in shown if found is not None)
    windows = stage.sm_active_pct.windows or stage.utilization_pct.windows
    basis = (
        f"95 % intervals, attributed from {windows:,} readings over "
        f"{quantities.counted(stage.requests, 'request')}"
    )
    st.html(
        f'<p class="lp-h">Counters while it runs<small>{basis}</small></p>{body}{_noted(stage)}'
    )


def _noted(stage: GpuStage) -> str:
    """What its runs noted, as a line of HTML; nothing where nothing was."""
    known = (
        ("copied to the GPU", stage.h2d_bytes),
        ("copied back", stage.d2h_bytes),
    )
    said = [f"{what} <b>{quantities.size(value)}</b>" for what, value in known if value is not None]
    if stage.sync_wait_ms is not None:
        said.insert(0, f"waits for the GPU <b>{quantities.milliseconds(stage.sync_wait_ms)}</b>")
    if stage.gpu_ms is not None:
        said.insert(0, f"between its CUDA events <b>{quantities.milliseconds(stage.gpu_ms)}</b>")
    if said:
        said[0] = f"per request: {said[0]}"
    if stage.memory_peak_bytes is not None:
        said.append(f"allocator's peak <b>{quantities.size(stage.memory_peak_bytes)}</b>")
    if stage.cold_runs:
        said.append(f"{stage.cold_runs:,} of {stage.runs:,} runs cold, not attributed")
    words = " · ".join(said)
    return f'<p class="lp-note">{words[:1].upper()}{words[1:]}</p>' if said else ""


def _exact(share: float | None) -> Attributed | None:
    """A measured share beside the attributed ones: it has no interval."""
    return None if share is None else Attributed(share * 100, None, None, 0)


def _counter(label: str, found: Attributed) -> str:
    if found.value is None:
        words = f"<small>{html.escape(gpu_words.explained(found))}</small>"
        return (
            f'<div class="lp-counter" style="grid-template-columns:8.2rem 1fr">'
            f"<span>{label}</span><span>{words}</span></div>"
        )
    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    span = gpu_words.interval(found)
    return (
        f'<div class="lp-counter"><span>{label}</span><span class="lp-range">'
        f'<i style="left:{_at(low)}%;width:{_at(high) - _at(low):.2f}%"></i>'
        f'<b style="left:{_at(found.value)}%"></b></span>'
        f"<span>{gpu_words.percent(found.value)} <small>{span}</small></span></div>"
    )


def _at(percent: float) -> float:
    return round(min(max(percent, 0.0), 100.0), 2)


def _kernels(kernels: KernelStage | None) -> None:
    if kernels is None:
        st.html(
            '<p class="lp-h">Kernels<small>not profiled</small></p><p class="lp-note">'
            "<code>latprobe run --kernels 2%</code> or <code>latprobe.torch.profile(every=50)"
            "</code> takes the kernels of a sampled request; others pay nothing.</p>"
        )
        return
    basis = f"{quantities.counted(kernels.samples, 'run')} profiled"
    if kernels.cost_ns:  # noted with the request's root, not with the stages below it
        cost = quantities.nanoseconds(kernels.cost_ns / max(kernels.samples, 1))
        basis += f", {cost} each for profiling"
    facts = [
        f"some kernel ran <b>{quantities.share(kernels.busy_share)}</b> of the time",
        f"{quantities.count(kernels.kernels / max(kernels.samples, 1))} kernels a run",
        f"{quantities.nanoseconds(kernels.mean_kernel_ns)} each",
        f"gaps between them {quantities.share(kernels.launch_gap_share)}",
        f"copies {quantities.share(kernels.copy_share)}",
    ]
    body = "".join(
        f'<tr><td class="lp-mono">{shown_text.markup(name, KERNEL_CHARS)}</td>'
        f"<td>{quantities.nanoseconds(ns / max(kernels.samples, 1))}</td>"
        f"<td>{quantities.count(count / max(kernels.samples, 1))}</td></tr>"
        for name, ns, count in kernels.top
    )
    st.html(
        f'<p class="lp-h">Kernels<small>{basis}</small></p>'
        f'<p class="lp-note">{" · ".join(facts)}</p>'
        '<table class="lp-kernels"><thead><tr><th>Top kernels, per run</th><th>time</th>'
        f"<th>launches</th></tr></thead><tbody>{body}</tbody></table>"
    )


def _ways(stage: GpuStage, scope: Scope) -> None:
    example = gpu_data.stage_example(replace(scope, stage=stage.name))
    profiled = None if example is None else example.profiled_trace
    with st.container(horizontal=True, key="lp_gpu_ways"):
        if example is not None and st.button("Open its slowest request", key="lp_gpu_slowest"):
            links.go("trace", id=example.trace_id, span=example.span_id)
        if profiled is not None and st.button("Open a profiled request", key="lp_gpu_profiled"):
            links.go("trace", id=profiled)
        if links.stage_address(stage.name) and st.button("When is it slow?", key="lp_gpu_when"):
            links.go("stage", name=stage.name)
