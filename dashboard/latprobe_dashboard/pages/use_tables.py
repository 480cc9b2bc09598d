"""The Tokens page's lists: stages and templates as bars, templates and models as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import groupby

import streamlit as st

from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.charts import rows, saving, token_bars
from latprobe_dashboard.charts.interactive import shares
from latprobe_dashboard.pages import token_choice
from latprobe_dashboard.pages.token_words import certainty, estimated, template_name
from latprobe_dashboard.theme import PARTS, part_hue
from latprobe_dashboard.token_figures import PartSum, Use

BARS = 10
BARS_HEIGHT = 420
TEMPLATES = 200
TABLE_HEIGHT = 300
MODELS_HEIGHT = 190

_TEMPLATE_COLUMNS = (
    rows.Column("Template"),
    rows.Column("Tokens", is_bar=True, help="In and out, of all calls"),
    rows.Column(
        "Heaviest part",
        help="The kind with the most tokens, of all that was counted of its prompts",
    ),
    rows.Column("Calls", is_number=True),
    rows.Column("Input p50", is_number=True),
    rows.Column("Input p95", is_number=True),
    rows.Column("Cached", is_number=True, help="Input read from the provider's cache"),
    rows.Column("Cost", is_number=True, help="+ : some calls have no price and are not in it"),
    rows.Column("Unexplained", is_number=True, help="Billed less counted, of what was billed"),
)
_MODEL_COLUMNS = (
    rows.Column("Model"),
    rows.Column("Tokens", is_number=True, help="In and out"),
    rows.Column("Cost", is_number=True, help="+ : some calls have no price and are not in it"),
    rows.Column("Parts", help="How its parts are counted; ± is the expected error"),
)


def stage_bars(found: Sequence[Use], chosen: str | None) -> None:
    """Bars by stage, template and part, with the legend of all parts on the page."""
    head = st.container(horizontal=True, vertical_alignment="bottom", key="lp_head_token_bars")
    head.html('<p class="lp-h">Tokens by stage, template and part</p>', width="stretch")
    st.html(_legend(found))
    shown = list(found[:BARS])
    rank = {use.stage: at for at, use in reversed(list(enumerate(shown)))}
    shown.sort(key=lambda use: rank[use.stage])
    bars: list[token_bars.Bar] = []
    for stage, uses in groupby(shown, key=lambda use: use.stage):
        own = list(uses)
        bars.append(token_bars.Bar(shown_text.line(stage), sum(use.tokens for use in own)))
        bars.extend(_bar(use, chosen) for use in own)
    if len(found) > BARS:
        bars.append(_others(found[BARS:]))
    with head:
        saving.button("tokens-by-part", lambda _: shares.tokens(bars), key="lp_csv_html_token_bars")
    values = [None if not bar.link else bar.link.rpartition("template=")[2] for bar in bars]
    token_choice.offer("lp_token_bars", values)
    token_bars.mount(
        bars, key="lp_token_bars", label="Tokens by stage and template", height=BARS_HEIGHT
    )


def _bar(use: Use, chosen: str | None) -> token_bars.Bar:
    part = use.heaviest
    note = ""
    if part is not None and use.prompt_tokens > 0:
        note = f"{part_hue(part.kind).label} {quantities.share(part.tokens / use.prompt_tokens)}"
    return token_bars.Bar(
        name=shown_text.line(template_name(use)),
        tokens=use.tokens,
        segments=_segments(use.parts),
        note=note,
        link="" if use.template is None else token_choice.address(template=use.template),
        is_selected=use.template is not None and use.template == chosen,
    )


def _others(uses: Sequence[Use]) -> token_bars.Bar:
    sums: dict[tuple[str, str], int] = {}
    for part in (part for use in uses for part in use.parts):
        sums[part.side, part.kind] = sums.get((part.side, part.kind), 0) + part.tokens
    parts = tuple(PartSum(side, kind, tokens) for (side, kind), tokens in sums.items())
    return token_bars.Bar(
        name=quantities.counted(len(uses), "more template"),
        tokens=sum(use.tokens for use in uses),
        segments=_segments(parts),
    )


def _segments(parts: Iterable[PartSum]) -> tuple[token_bars.Segment, ...]:
    """In the order of the palette, which is that of a prompt."""
    ordered = sorted(parts, key=lambda part: (part.side, PARTS.index(part_hue(part.kind))))
    return tuple(
        token_bars.Segment(
            part_hue(part.kind), part.tokens, part.side == "output", part.is_estimated
        )
        for part in ordered
        if part.tokens > 0
    )


def _legend(found: Sequence[Use]) -> str:
    used = {part_hue(part.kind) for use in found for part in use.parts if part.tokens > 0}
    items = "".join(
        f'<span><i class="lp-{hue.key}"></i>{hue.label}</span>' for hue in PARTS if hue in used
    )
    return f'<div class="lp-legend">{items}</div>'


def template_table(found: Sequence[Use], chosen: str | None) -> None:
    """All templates; a row shows its template below."""
    shown = found[:TEMPLATES]
    basis = f"{quantities.count(len(found))}; a row shows it below"
    _heading("Templates", basis, template_csv(found), "templates.csv")
    top = max((use.tokens for use in shown), default=0) or 1
    token_choice.offer("lp_templates", [use.template for use in shown])
    rows.mount(
        _TEMPLATE_COLUMNS,
        [_template_row(use, top, chosen) for use in shown],
        key="lp_templates",
        label="Templates by tokens",
        height=TABLE_HEIGHT,
        is_saved=False,
    )


def _template_row(use: Use, top: int, chosen: str | None) -> rows.Row:
    part = use.heaviest
    kind = rows.Cell(quantities.NOT_MEASURED)
    if part is not None and use.prompt_tokens > 0:
        hue = part_hue(part.kind)
        share = quantities.share(part.tokens / use.prompt_tokens)
        kind = rows.Cell(estimated(f"{share} {hue.label}", part.is_estimated), hue=hue)
    return rows.Row(
        cells=(
            rows.Cell(shown_text.line(template_name(use)), hint=use.template or ""),
            rows.figure(quantities.count, use.tokens, share=use.tokens / top),
            kind,
            rows.figure(quantities.count, use.calls),
            rows.figure(quantities.count, use.input_p50),
            rows.figure(quantities.count, use.input_p95),
            rows.figure(quantities.share, use.cache_share),
            _cost(use),
            rows.figure(quantities.share, use.residual_share),
        ),
        link="" if use.template is None else token_choice.address(template=use.template),
        is_selected=use.template is not None and use.template == chosen,
    )


def _cost(use: Use) -> rows.Cell:
    if not use.unpriced_calls:
        return rows.figure(quantities.dollars, use.cost_usd)
    if use.cost_usd is None:
        return rows.Cell("no price", hint=f"{use.unpriced_calls:,} calls")
    hint = f"{use.unpriced_calls:,} calls have no price"
    return rows.Cell(f"{quantities.dollars(use.cost_usd)} +", hint=hint)


def model_table(models: Sequence[Use]) -> None:
    """All models, those without a price among them."""
    _heading("Models", "", _model_csv(models), "models.csv")
    rows.mount(
        _MODEL_COLUMNS,
        [_model_row(use) for use in models],
        key="lp_models",
        label="Models",
        height=MODELS_HEIGHT,
        is_saved=False,
    )


def _model_row(use: Use) -> rows.Row:
    tokens = (
        f"{quantities.exact(use.input_tokens)} in, {quantities.exact(use.output_tokens)} out, "
        f"{quantities.counted(use.calls, 'call')}"
    )
    return rows.Row(
        cells=(
            rows.Cell(shown_text.line(use.model, 40) if use.model else "(not named)"),
            rows.figure(quantities.count, use.tokens, hint=tokens),
            _cost(use),
            rows.Cell(certainty(use), hint=f"{quantities.share(use.residual_share)} unexplained"),
        )
    )


def _heading(title: str, basis: str, text: str, file: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"lp_head_{file[:-4]}"):
        small = f"<small>{basis}</small>" if basis else ""
        st.html(f'<p class="lp-h">{title}{small}</p>', width="stretch")
        st.download_button(
            "CSV",
            text,
            file_name=f"latprobe-{file}",
            mime="text/csv",
            type="tertiary",
            on_click="ignore",
            key=f"lp_csv_{file[:-4]}",
            help="These rows as a file",
        )


def template_csv(found: Sequence[Use]) -> str:
    """A line for each template, with the tokens of each kind of part."""
    kinds = [hue.key.removeprefix("part-") for hue in PARTS]
    head = [*_CSV_HEAD, *(f"{kind}_tokens" for kind in kinds)]
    lines = []
    for use in found:
        sums = {part_hue(part.kind).key.removeprefix("part-"): part.tokens for part in use.parts}
        lines.append(
            [use.template, template_name(use), *_csv_cells(use), *(sums.get(k) for k in kinds)]
        )
    return _csv(["template_id", "template", *head], lines)


def _model_csv(models: Sequence[Use]) -> str:
    lines = [[use.model, *_csv_cells(use), use.is_exact, use.expected_error] for use in models]
    return _csv(["model", *_CSV_HEAD, "is_exact", "expected_error"], lines)


_CSV_HEAD = (
    *("calls", "input_tokens", "input_p50", "input_p95", "output_tokens", "output_p50"),
    *("output_p95", "cache_share", "cost_usd", "unpriced_calls", "residual_input_tokens"),
    *("stopped_calls", "problem_calls"),
)


def _csv_cells(use: Use) -> list[object]:
    return [
        *(use.calls, use.input_tokens, use.input_p50, use.input_p95),
        *(use.output_tokens, use.output_p50, use.output_p95, use.cache_share),
        *(use.cost_usd, use.unpriced_calls, use.residual_tokens),
        *(use.stopped_calls, use.problem_calls),
    ]


def _csv(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(head)
    writer.writerows([csv_cell(value) for value in line] for line in lines)
    return written.getvalue()


def csv_cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is marked as text."""
    if isinstance(value, str):
        plain = value.encode("utf-8", "replace").decode("utf-8")
        return f"'{plain}" if plain[:1] in ("=", "+", "-", "@", "\t", "\r") else plain
    return value
