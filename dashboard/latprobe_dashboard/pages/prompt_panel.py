"""One call's part before and after: every counted way to write it, and the chosen one beside it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from latprobe.advice.call_texts import CallText, TextPart
from latprobe.analysis.scope import Scope
from latprobe_dashboard import analysis_queries, links, quantities, shown_text, visitor
from latprobe_dashboard.advice_queries import held
from latprobe_dashboard.charts import rows, side_by_side
from latprobe_dashboard.later import fill
from latprobe_dashboard.pages import prompt_choice
from latprobe_dashboard.pages.advice_words import MEANING
from latprobe_dashboard.pages.prompt_latency import latency_note
from latprobe_dashboard.pages.token_words import estimated
from latprobe_dashboard.prompt_options import Way, Ways, ways_to_write
from latprobe_dashboard.prompt_savings import RENDERED, TemplateSaving, usd_per_1000
from latprobe_dashboard.theme import part_hue

PANEL_HEIGHT = 420
PARTS_HEIGHT = 300
LISTED = 6
_PARTS = (
    rows.Column("Part"),
    rows.Column("Tokens", is_number=True),
    rows.Column("Could go", is_bar=True, help="Tokens, with nothing lost"),
)
_WAYS = (
    rows.Column("Way to write it", field="way"),
    rows.Column("Tokens", is_number=True, field="tokens"),
    rows.Column("Saves", is_bar=True, field="saved_tokens"),
    rows.Column(
        "Class",
        field="class",
        help="Lossless: a decoder gave it back. Near: equal after a named normalisation. Lossy: "
        "something is gone",
    ),
)


def prompt_panel(saving: TemplateSaving, name: str, scope: Scope) -> None:
    """Draws the template's chosen call and part."""
    call = prompt_choice.call(saving)
    chosen = prompt_choice.part(call, saving)
    model = shown_text.markup(saving.model, 40) if saving.model else "model not named"
    with st.container(horizontal=True, vertical_alignment="bottom", key="lp_prompt_head"):
        st.html(
            f'<p class="lp-h">{shown_text.markup(name, 80)}'
            f"<small>{shown_text.markup(saving.stage, 40)} · {model}</small></p>",
            width="stretch",
        )
        if st.button("Open its trace", key="lp_prompt_trace", type="tertiary"):
            links.go("trace", id=call.trace_id, span=call.span_id)
    if chosen is None:
        st.info("No text of this template's newest calls was kept, so nothing can be tried on it.")
        return
    at, part = chosen
    if part.is_truncated:
        st.info("Only the start of this text was stored: what is counted here is of that start.")
    asked = held(
        "ways",
        (part.hash, part.kind, part.tokens, saving.model, call.trace_id, call.span_id, at),
        lambda: ways_to_write(
            part.text or "",
            model=saving.model,
            kind=part.kind,
            question=_question(call, part),
            tokens=None if part.is_truncated or part.kind in RENDERED else part.tokens,
        ),
    )
    fill(asked, lambda ways: _ways(ways, saving, call, part, scope), height=PANEL_HEIGHT)


def _picked() -> None:
    prompt_choice.choose("call", st.session_state["w_prompt_call"])


def call_and_parts(saving: TemplateSaving) -> None:
    """Which call of the template is shown, and its parts by what could go."""
    call = prompt_choice.call(saving)
    st.html('<p class="lp-h">Parts of a call<small>a row shows its text</small></p>')
    _choose_call(saving, call)
    chosen = prompt_choice.part(call, saving)
    known = [saving.parts.get(part.hash or "") for part in call.parts]
    top = max((each.lossless for each in known if each is not None), default=0) or 1
    prompt_choice.offer("lp_parts_of", [prompt_choice.part_name(at) for at in range(len(known))])
    rows.mount(
        _PARTS,
        [
            _part_row(at, part, saving, top, is_selected=chosen is not None and chosen[0] == at)
            for at, part in enumerate(call.parts)
        ],
        key="lp_parts_of",
        label="Parts of a call",
        height=PARTS_HEIGHT,
        is_saved=False,
    )


def _part_row(
    at: int, part: TextPart, saving: TemplateSaving, top: int, *, is_selected: bool
) -> rows.Row:
    hue = part_hue(part.kind)
    known = saving.parts.get(part.hash or "")
    saved = known.lossless if known is not None else None
    name = f"{hue.label} · {shown_text.line(part.name, 30)}" if part.name else hue.label
    link = prompt_choice.address(part=prompt_choice.part_name(at))
    return rows.Row(
        cells=(
            rows.Cell(name, hue=hue, hint=part.role or ""),
            rows.Cell(
                estimated(quantities.exact(part.tokens), part.is_estimated), value=part.tokens
            ),
            rows.Cell(
                estimated(quantities.exact(saved), not saving.is_exact),
                hue=hue,
                share=(saved or 0) / top,
                value=saved,
            ),
        ),
        link="" if part.text is None else link,
        is_selected=is_selected,
    )


def _choose_call(saving: TemplateSaving, call: CallText) -> None:
    zone = visitor.zone()
    words = {
        prompt_choice.call_name(each): quantities.moment(each.start_ns, zone)
        + ("" if each.has_text else " · no text")
        for each in saving.calls
    }
    st.session_state["w_prompt_call"] = prompt_choice.call_name(call)
    st.selectbox(
        "Call",
        list(words),
        key="w_prompt_call",
        format_func=lambda name: words.get(name, name),
        on_change=_picked,
        label_visibility="collapsed",
    )


def _question(call: CallText, part: TextPart) -> str | None:
    """What the user asks, which passages are chosen by; not of the question itself."""
    asked = [each.text for each in call.parts if each.kind == "user" and each is not part]
    return next((text for text in reversed(asked) if text), None)


def _ways(
    found: Ways, saving: TemplateSaving, call: CallText, part: TextPart, scope: Scope
) -> None:
    key = f"{call.span_id}_{part.hash}"
    way = found.chosen(prompt_choice.option())
    text = part.text or ""
    rough = not found.is_exact
    before = estimated(quantities.exact(found.tokens), rough)
    if part.kind in RENDERED and part.tokens not in (None, found.tokens):
        in_call = estimated(quantities.exact(part.tokens), part.is_estimated)
        st.html(
            f'<p class="lp-note">{in_call} tokens in the call, in the form that the vendor makes '
            "of it; counted below as this text.</p>"
        )
    if way is None:
        st.html(
            f'<p class="lp-verdict"><b>{before} tokens</b>, and no way to write them shorter was '
            "found.</p>"
        )
        side_by_side.mount(text, text, key=f"lp_same_{key}", before_note=f"{before} tokens")
        return
    if prompt_choice.option() not in (None, way.key):
        st.info("That way does not apply to this text; showing the best lossless one.")
    _list(found, way)
    st.html(_verdict(found, way, saving, call, part))
    if rough and found.reason:
        st.html(
            f'<p class="lp-note">Tokens are estimated: {shown_text.markup(found.reason, 300)}.</p>'
        )
    side_by_side.mount(
        text,
        way.text,
        key=f"lp_pair_{key}",
        before_note=f"{before} tokens",
        after_note=f"{estimated(quantities.exact(way.tokens), rough)} tokens · {way.label}",
    )
    fill(
        analysis_queries.models(scope, call.stage),
        lambda models: latency_note(models, saving, part, found.tokens - way.tokens),
        height=24,
    )


def _list(found: Ways, chosen: Way) -> None:
    prompt_choice.offer("lp_ways", [each.key for each in found.ways])
    top = max((found.tokens - each.tokens for each in found.ways), default=0) or 1
    rows.mount(
        _WAYS,
        [
            rows.Row(
                cells=(
                    rows.Cell(each.label, hint=_hint(each)),
                    rows.figure(quantities.exact, each.tokens),
                    rows.Cell(
                        quantities.share((found.tokens - each.tokens) / max(found.tokens, 1)),
                        share=(found.tokens - each.tokens) / top,
                        value=found.tokens - each.tokens,
                    ),
                    rows.Cell(_class(each)),
                ),
                link=prompt_choice.address(option=each.key),
                is_selected=each is chosen,
            )
            for each in found.ways
        ],
        key="lp_ways",
        label="Ways to write it",
        height=40 + 33 * LISTED,
        is_saved=False,
    )


def _class(way: Way) -> str:
    return f"{way.kind}, shown only" if way.is_advisory else way.kind


def _hint(way: Way) -> str:
    return MEANING[way.kind]


def _verdict(found: Ways, way: Way, saving: TemplateSaving, call: CallText, part: TextPart) -> str:
    saved = found.tokens - way.tokens
    sign = "" if found.is_exact else "~"
    words = (
        f"<b>{sign}{quantities.exact(found.tokens)} → {sign}{quantities.exact(way.tokens)} tokens"
        f"</b> (\u2212{quantities.share(saved / max(found.tokens, 1))})"
    )
    given, made = (0.0, float(saved)) if part.side == "output" else (float(saved), 0.0)
    cost = usd_per_1000([call], given, made)
    if cost:
        words += f", <b>{quantities.dollars(cost)}</b> less per 1,000 such calls"
    return (
        f'<p class="lp-verdict">{words}.</p>'
        f'<p class="lp-check"><b>{_class(way).capitalize()}.</b> {_check(way)}</p>'
    )


def _check(way: Way) -> str:
    check = way.check
    words = shown_text.markup(check.executed, 300) if check.executed else MEANING[way.kind]
    words = f"Checked: {words}."
    if check.lost:
        words += f' <span class="lp-bad">Lost: {_some(check.lost)}.</span>'
    if check.kept:
        words += f" Kept: {_some(check.kept)}."
    for note in way.notes:
        words += f" {shown_text.markup(note, 300)}"
    return words


def _some(texts: Sequence[str]) -> str:
    shown = "; ".join(shown_text.markup(text, 120) for text in texts[:LISTED])
    return shown + (f" and {len(texts) - LISTED} more" if len(texts) > LISTED else "")
