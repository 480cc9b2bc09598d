"""One template: its parts, its stable text, what of it could be cached or left out, its calls."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import streamlit as st

from latprobe.analysis.templates import PartUse, TemplateUse
from latprobe_dashboard import data, heavy_calls, quantities, shown_text, token_queries, visitor
from latprobe_dashboard.charts import rows
from latprobe_dashboard.heavy_calls import CallLine
from latprobe_dashboard.pages import token_choice
from latprobe_dashboard.pages.token_words import estimated, part_words, template_name
from latprobe_dashboard.theme import PARTS, part_hue
from latprobe_dashboard.token_figures import Use

TEXT_CHARS = 20_000
CALLS = 20
TOOLS_NAMED = 6
PLACE = "{…}"

_PART_COLUMNS = (
    rows.Column("Part"),
    rows.Column("Share", is_bar=True, help="Of all counted tokens on its side"),
    rows.Column("p50", is_number=True, help="Tokens, over the calls that have the part"),
    rows.Column("p95", is_number=True),
    rows.Column("Calls", is_number=True),
)
_CALL_COLUMNS = (
    rows.Column("Started"),
    rows.Column("Model"),
    rows.Column("Tokens in", is_number=True),
    rows.Column("Cached", is_number=True),
    rows.Column("Tokens out", is_number=True),
    rows.Column("Cost", is_number=True),
    rows.Column("Unexplained", is_number=True, help="Billed less counted"),
    rows.Column("Notes"),
    rows.Column("Trace"),
)


def template_detail(calls: pa.Table, use: Use) -> None:
    """Draws what is known about the template over its newest calls."""
    assert use.template is not None
    newest = token_queries.newest_calls(calls, use.template)
    data.begin(lambda: token_queries.text(use.template or ""))
    found = token_queries.template(newest)
    if found is None:
        return
    basis = f"over its newest {newest.num_rows:,} of {use.calls:,} calls"
    if newest.num_rows == use.calls:
        basis = f"over {quantities.counted(use.calls, 'call')}"
    st.html(
        f'<p class="lp-h">{shown_text.markup(template_name(use))}<small>{_origin(found)} · {basis}'
        "</small></p>"
    )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        rows.mount(
            _PART_COLUMNS,
            [_part_row(part) for part in _in_order(found.parts)],
            key="lp_parts",
            label="Parts of the template",
        )
    with right:
        facts = "".join(f"<dt>{name}</dt><dd>{words}</dd>" for name, words in _facts(found))
        st.html(f'<dl class="lp-facts">{facts}</dl>')
    _stable_text(use.template)


def _origin(found: TemplateUse) -> str:
    named = "named by your program" if found.source == "prompt name" else "found by its text"
    stages = ", ".join(shown_text.markup(stage, 40) for stage in found.stages[:3])
    return f"{stages} · {named}"


def _in_order(parts: Sequence[PartUse]) -> list[PartUse]:
    return sorted(parts, key=lambda part: (part.side, PARTS.index(part_hue(part.kind))))


def _part_row(part: PartUse) -> rows.Row:
    hue = part_hue(part.kind)
    sure = part.is_estimated
    return rows.Row(
        cells=(
            rows.Cell(hue.label, hue=hue, hint=part.side),
            rows.figure(quantities.share, part.share, hue=hue, share=part.share or 0.0),
            rows.Cell(estimated(quantities.count(part.p50_tokens), sure)),
            rows.Cell(estimated(quantities.count(part.p95_tokens), sure)),
            rows.figure(quantities.count, part.calls),
        )
    )


def _facts(found: TemplateUse) -> list[tuple[str, str]]:
    """Name and HTML of each figure."""
    facts = [
        ("stable start", _stable(found)),
        ("cached", f"{quantities.share(found.cache_share)} of the input"),
        ("sent again", _repeated(found)),
        ("growth", _growth(found)),
        ("unused tools", _unused(found)),
        ("cut answers", _stopped(found)),
    ]
    return [(name, words) for name, words in facts if words]


def _stable(found: TemplateUse) -> str:
    prefix = found.stable_prefix
    if prefix is None:
        return quantities.NOT_MEASURED
    tokens = prefix.tokens + (prefix.partial_tokens_estimated or 0)
    sign = "~" if prefix.partial_tokens_estimated else ""
    words = f"{sign}{quantities.counted(tokens, 'token')}, {quantities.share(prefix.share)} of it"
    if prefix.stopped_by is not None:
        words += f", up to <b>{part_words(prefix.stopped_by)}</b>"
    return words


def _repeated(found: TemplateUse) -> str:
    if found.repeated_tokens is None:
        return ""
    return (
        f"{quantities.count(found.repeated_tokens)} input tokens "
        f"({quantities.share(found.repeated_share)}) that an earlier call had sent"
    )


def _growth(found: TemplateUse) -> str:
    if found.growth_tokens_per_turn is None:
        return ""
    return (
        f"{found.growth_tokens_per_turn:+,.0f} tokens a turn, "
        f"over {quantities.counted(found.conversations, 'conversation')}"
    )


def _unused(found: TemplateUse) -> str:
    """Tools that are offered and never called, with what their schemas cost in each prompt."""
    tools = [tool for tool in found.tools if tool.offered]
    unused = [tool for tool in tools if not tool.called]
    if not tools:
        return ""
    if not unused:
        return f"none of {len(tools)}"
    names = ", ".join(f"<b>{shown_text.markup(tool.name, 40)}</b>" for tool in unused[:TOOLS_NAMED])
    more = f" and {len(unused) - TOOLS_NAMED} more" if len(unused) > TOOLS_NAMED else ""
    known = [tool.schema_tokens for tool in unused if tool.schema_tokens is not None]
    cost = f", ~{quantities.count(sum(known))} tokens a call" if known else ""
    return f"{names}{more}: {len(unused)} of {len(tools)} never called{cost}"


def _stopped(found: TemplateUse) -> str:
    if found.stopped_calls is None:
        return ""
    if not found.stopped_calls:
        return "none ran into its token limit"
    share = quantities.share(found.stopped_calls / found.calls)
    return f"{quantities.count(found.stopped_calls)} ({share}) ran into their token limit"


def _stable_text(template_id: str) -> None:
    text = token_queries.text(template_id)
    if text is None:
        st.html(
            '<p class="lp-note">Its text is not kept (LATPROBE_CONTENT=off); counts, sizes and '
            "hashes are.</p>"
        )
        return
    marked = shown_text.block_markup(text, TEXT_CHARS).replace(PLACE, f"<mark>{PLACE}</mark>")
    st.html(
        '<p class="lp-h">Stable text<small>what its calls share; <mark>{…}</mark> changes</small>'
        f'</p><div class="lp-template" tabindex="0" role="region" aria-label="Stable text">{marked}'
        "</div>"
    )


def heaviest_calls(calls: pa.Table, template_id: str | None) -> None:
    """The calls with the most tokens, of the template or of all; a row shows its prompt."""
    found = heavy_calls.heaviest_calls(calls, limit=CALLS, template_id=template_id)
    whose = "of this template; " if template_id is not None else ""
    st.html(f'<p class="lp-h">Heaviest calls<small>{whose}a row shows its prompt</small></p>')
    names = [f"{line.trace_id}/{line.span_id}" for line in found]
    token_choice.offer_calls(names, template_id)
    chosen = token_choice.call()
    rows.mount(
        _CALL_COLUMNS,
        [
            _call_row(line, name, template_id, chosen)
            for line, name in zip(found, names, strict=True)
        ],
        key="lp_calls",
        label="Heaviest calls",
        height=320,
    )


def _call_row(line: CallLine, name: str, template_id: str | None, chosen: str | None) -> rows.Row:
    notes = ["cut by its limit"] if line.stops_early else []
    notes += ["does not add up"] if line.has_problem else []
    where = {"call": name} if template_id is None else {"template": template_id, "call": name}
    residual = line.residual_tokens
    return rows.Row(
        cells=(
            rows.Cell(quantities.moment(line.start_ns, visitor.zone())),
            rows.Cell(shown_text.line_or_dash(line.model, 40)),
            rows.figure(quantities.exact, line.input_tokens),
            rows.figure(quantities.exact, line.cached_tokens),
            rows.figure(quantities.exact, line.output_tokens),
            rows.figure(quantities.dollars, line.cost_usd),
            rows.Cell(quantities.NOT_MEASURED if residual is None else f"{residual:+,}"),
            rows.Cell(", ".join(notes), is_bad=line.has_problem),
            rows.Cell(line.trace_id[:8], hint=line.trace_id, value=line.trace_id),
        ),
        link=token_choice.address(**where),
        is_selected=name == chosen,
    )
