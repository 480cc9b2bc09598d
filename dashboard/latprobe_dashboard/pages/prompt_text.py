"""One call: its prompt's text with the parts marked in their colours, and its usage."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from latprobe.analysis.prompts import AnatomyPart, CallAnatomy, CallRow
from latprobe.errors import NoDataError, UsageError
from latprobe_dashboard import links, quantities, shown_text, token_queries
from latprobe_dashboard.pages import token_choice
from latprobe_dashboard.pages.token_words import estimated
from latprobe_dashboard.quantities import TIMES_SIGN
from latprobe_dashboard.theme import part_hue

# Characters of a part; and of all parts together, which is what a browser shows without effort.
SHORT_CHARS = 1_500
LONG_CHARS = 200_000
ALL_CHARS = 400_000
PARTS_SHOWN = 300
_ORIGINS = {
    "provider": "as the provider said",
    "stage": "as your program said",
    "counted": "counted exactly",
    "estimated": "estimated",
    "prices": "list price of the day",
    "override": "your price",
}


def prompt_text() -> None:
    """Draws the call in the address, if there is one."""
    name = token_choice.call()
    if name is None:
        return
    trace, _, span = name.partition("/")
    try:
        found = token_queries.anatomy(trace, span)
    except (NoDataError, UsageError) as error:
        st.info(shown_text.block(str(error), 400))
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="lp_call_head"):
        st.html(f'<p class="lp-h">{_title(found.call)}</p>', width="stretch")
        is_long = any(_is_cut(part) for part in found.parts)
        whole = st.toggle("Whole texts", key=f"lp_whole_{name}") if is_long else False
        if st.button("Open its trace", key="lp_call_trace", type="tertiary"):
            links.go("trace", id=found.call.trace_id, span=found.call.span_id)
    left, right = st.columns([5, 2], gap="medium")
    with left:
        st.html(_strip(found.parts) + _texts(found.parts, SHORT_CHARS if not whole else LONG_CHARS))
    with right:
        facts = "".join(f"<dt>{label}</dt><dd>{words}</dd>" for label, words in _ledger(found))
        st.html(f'<dl class="lp-facts">{facts}</dl>')


def _title(call: CallRow) -> str:
    model = shown_text.markup(call.model, 60) if call.model else "model not named"
    return (
        f"Prompt of one call<small>{shown_text.markup(call.stage, 60)} · {model} · "
        f'<span class="lp-mono">{call.trace_id[:8]}/{call.span_id}</span></small>'
    )


def _is_cut(part: AnatomyPart) -> bool:
    return part.text is not None and len(part.text) > SHORT_CHARS


def _strip(parts: Sequence[AnatomyPart]) -> str:
    """The call's input parts as one bar in prompt order."""
    known = [part for part in parts if part.side == "input" and part.tokens]
    total = sum(part.tokens or 0 for part in known)
    if not total:
        return ""
    boxes = "".join(
        f'<div class="lp-{part_hue(part.kind).key}" style="flex:{(part.tokens or 0) / total:.5f} 1 '
        f'0" title="{_words(part)}"></div>'
        for part in known
    )
    return f'<div class="lp-strip" aria-hidden="true">{boxes}</div>'


def _words(part: AnatomyPart) -> str:
    tokens = estimated(quantities.exact(part.tokens), part.is_estimated)
    return f"{part_hue(part.kind).label} {tokens} tokens"


def _texts(parts: Sequence[AnatomyPart], limit: int) -> str:
    total = {
        side: sum(part.tokens or 0 for part in parts if part.side == side)
        for side in ("input", "output")
    }
    left = ALL_CHARS
    blocks = []
    for part in parts[:PARTS_SHOWN]:
        room = max(min(limit, left), 0)
        left -= min(len(part.text or ""), room)
        blocks.append(_block(part, room, total.get(part.side, 0)))
    if len(parts) > PARTS_SHOWN:
        blocks.append(f'<p class="lp-note">{PARTS_SHOWN} of {len(parts):,} parts.</p>')
    if not blocks:
        blocks.append('<p class="lp-note">The prompt of this call was not recorded.</p>')
    words = 'tabindex="0" role="region" aria-label="Prompt"'
    return f'<div class="lp-prompt" {words}>{"".join(blocks)}</div>'


def parts_markup(parts: Sequence[AnatomyPart]) -> str:
    """The parts of one call as text in their colours, long ones cut, under a bar of them all."""
    return _strip(parts) + _texts(parts, SHORT_CHARS)


def _block(part: AnatomyPart, room: int, total: int) -> str:
    hue = part_hue(part.kind)
    tokens = estimated(quantities.exact(part.tokens), part.is_estimated)
    about = [shown_text.markup(text, 60) for text in (part.role, part.name) if text]
    share = f", {quantities.share(part.tokens / total)}" if part.tokens and total else ""
    before = f"sent {part.sent_before:,} times before" if part.sent_before else ""
    notes = " · ".join([*about, *([before] if before else [])])
    return (
        f'<section class="lp-part lp-{hue.key}"><header><b>{hue.label}</b><span>{notes}</span>'
        f"<em>{tokens} tokens{share}</em></header>{_content(part, room)}</section>"
    )


def _content(part: AnatomyPart, room: int) -> str:
    if part.kind == "overhead":
        return "<p>Marks that the chat template puts around messages.</p>"
    if part.media is not None:
        return f"<p>{_media(part)}</p>"
    if part.text is None:
        size = [f"{part.characters:,} characters"] if part.characters is not None else []
        digest = [f'<span class="lp-mono">{part.hash[:16]}</span>'] if part.hash else []
        return f"<p>Text not kept · {' · '.join([*size, *digest])}</p>"
    cut = "<p>The stored text ends here; the figures are of the whole.</p>"
    return (
        f"<pre>{shown_text.block_markup(part.text, room)}</pre>{cut if part.is_truncated else ''}"
    )


def _media(part: AnatomyPart) -> str:
    about = part.media or {}
    words = [shown_text.markup(str(about.get("mime_type") or part.kind), 60)]
    if about.get("width") and about.get("height"):
        words.append(shown_text.markup(f"{about['width']} {TIMES_SIGN} {about['height']} px", 60))
    if isinstance(seconds := about.get("duration_s"), (int, float)):
        words.append(quantities.milliseconds(seconds * 1e3))
    if part.bytes is not None:
        words.append(quantities.size(part.bytes))
    if about.get("problem"):
        words.append(shown_text.markup(str(about["problem"]), 120))
    return " · ".join(words)


def _ledger(found: CallAnatomy) -> list[tuple[str, str]]:
    """Name and HTML of what was billed, counted and not explained."""
    call = found.call
    facts = [
        ("input", _with(quantities.exact(call.input_tokens), call.input_origin)),
        ("from cache", quantities.exact(call.cache_read_tokens)),
        ("output", _with(quantities.exact(call.output_tokens), call.output_origin)),
        ("reasoning", quantities.exact(call.reasoning_tokens)),
        ("unexplained in", _signed(call.residual_input_tokens, call.input_tokens)),
        ("unexplained out", _signed(call.residual_output_tokens, call.output_tokens)),
        ("cost", _with(quantities.dollars(call.cost_usd), call.cost_origin)),
        ("counts", _counts(call)),
    ]
    shown = [(name, words) for name, words in facts if words and words != quantities.NOT_MEASURED]
    for label, text in (
        ("does not add up", call.problem),
        ("not understood", call.content_problem),
    ):
        if text:
            shown.append((label, f'<span class="lp-bad">{shown_text.markup(text, 400)}</span>'))
    if call.stops_early:
        shown.append(("answer", '<span class="lp-bad">cut by its token limit</span>'))
    if call.cost_usd is None and call.input_tokens is not None:
        shown.append(("price", "not known for this model"))
    return shown


def _with(figure: str, origin: str | None) -> str:
    if figure == quantities.NOT_MEASURED or origin is None:
        return figure
    words = _ORIGINS.get(origin) or shown_text.markup(origin, 40)
    return f'{figure} <span class="lp-dim">{words}</span>'


def _signed(value: int | None, whole: int | None) -> str:
    if value is None:
        return quantities.NOT_MEASURED
    share = f" ({quantities.share(abs(value) / whole)})" if whole and value else ""
    return f"{value:+,}{share}" if value else "0"


def _counts(call: CallRow) -> str:
    if call.is_exact is None:
        return quantities.NOT_MEASURED
    if call.is_exact:
        return "exact"
    if not call.expected_error:
        return "estimated, error not known"
    return f"estimated, ± {quantities.share(call.expected_error)} expected"
