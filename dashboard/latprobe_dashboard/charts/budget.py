"""The time budget: one bar, a segment for each modality, in HTML: it costs no chart engine."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from latprobe_dashboard import quantities
from latprobe_dashboard.theme import HUES, Hue, hue_of

# Narrower segments carry no label; the legend below names them.
LABELLED_SHARE = 0.12


def by_modality(shares: Iterable[tuple[str | None, float]]) -> list[tuple[Hue, float]]:
    """Shares of critical time summed by lane, greatest first; lanes without time are left out."""
    sums = dict.fromkeys(HUES, 0.0)
    for modality, part in shares:
        sums[hue_of(modality)] += part
    ranked = sorted(sums.items(), key=lambda item: -item[1])
    return [(hue, part) for hue, part in ranked if part > 0.0005]


def mount(parts: list[tuple[Hue, float]]) -> None:
    """Draws the bar and its legend."""
    total = sum(part for _, part in parts) or 1.0
    bar = "".join(_segment(hue, part / total) for hue, part in parts)
    legend = "".join(
        f'<span><i class="lp-{hue.key}"></i>{hue.label} {quantities.share(part / total)}</span>'
        for hue, part in parts
    )
    words = ", ".join(f"{hue.label} {quantities.share(part / total)}" for hue, part in parts)
    st.html(
        f'<div class="lp-budget" role="img" aria-label="Critical-path time by modality: {words}">'
        f'{bar}</div><div class="lp-legend">{legend}</div>'
    )


def _segment(hue: Hue, part: float) -> str:
    words = f"{hue.label} {quantities.share(part)}"
    is_wide = part >= LABELLED_SHARE
    slim = "" if is_wide else " lp-slim"
    return (
        f'<div class="lp-{hue.key}{slim}" style="flex:{part:.5f} 1 0" title="{words}">'
        f"{words if is_wide else ''}</div>"
    )
