"""Which prompts waste tokens? Templates by what could be written shorter, and the texts for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.errors import NoDataError
from latprobe_dashboard import connection, quantities, shown_text, token_figures, token_queries
from latprobe_dashboard.advice_queries import held
from latprobe_dashboard.charts import listing, rows
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.later import PATIENCE_S, Later, fill
from latprobe_dashboard.pages import prompt_choice
from latprobe_dashboard.pages.prompt_panel import call_and_parts, prompt_panel
from latprobe_dashboard.pages.token_words import NOT_RECORDED, estimated
from latprobe_dashboard.pages.tokens_empty import no_model_calls, prompts_not_recorded
from latprobe_dashboard.prompt_savings import TemplateSaving, prompt_savings
from latprobe_dashboard.token_figures import Use

TITLE, PATH, ICON = "Prompts", "prompts", ":material/compress:"
QUESTION = "Which prompts waste tokens?"
BINS = 60  # as the Tokens page, whose figures these are
SKELETON_HEIGHT = 420
TABLE_HEIGHT = 300
WORTH_SHARE = 0.02
# What a saving can come from here, so that a reader knows what "none found" says and what not.
TRIED = (
    "Tried on each text: shorter notations of its JSON, tables, logs and HTML, and pointers for "
    "blocks that stand in it again. What repeats in other words, or is not needed, is not judged."
)
_STYLE = Path(__file__).with_name("prompts.css")
_COLUMNS = (
    rows.Column("Template", field="template"),
    rows.Column(
        "Recoverable",
        is_bar=True,
        field="lossless_tokens_per_call",
        help="Tokens of a call that could be saved with nothing lost: a decoder was run and gave "
        "each text back. Of its newest calls, on average; ranked by all its calls together",
    ),
    rows.Column(
        "Near",
        is_number=True,
        field="near_tokens_per_call",
        help="With a named normalisation too: empty keys dropped, numbers rounded",
    ),
    rows.Column("Calls", is_number=True, field="calls"),
    rows.Column(
        "Per 1,000 calls",
        is_number=True,
        field="usd_per_1000_calls",
        help="US dollars saved on 1,000 calls by the lossless saving, after prompt caching",
    ),
)


def render() -> None:
    show(QUESTION, _body)


def savings(scope: Scope) -> Later[tuple[TemplateSaving, ...]]:
    """What each template's newest calls could save."""
    return held("prompt savings", scope, lambda: prompt_savings(connection.query, scope))


def _body(scope: Scope) -> None:
    token_queries.prepare()
    st.html(f"<style>{_STYLE.read_text('utf-8')}</style>")
    asked = savings(scope).begin()
    seen = token_figures.view(scope, bins=BINS)
    if not seen.calls.num_rows:
        if scope != EVERYTHING:
            raise NoDataError("No model call was recorded here.")
        sentence(["No model call has been recorded yet."])
        no_model_calls()
        return
    if all(use.template is None for use in seen.templates):
        sentence(["The prompts of these calls were not recorded, so nothing can be said of them."])
        prompts_not_recorded()
        return
    uses = {use.template: use for use in seen.templates}
    if not asked.comes_within(PATIENCE_S):
        sentence(["Trying every way to write the newest prompts shorter."])
    fill(
        asked,
        lambda found: _found(_ranked(found, uses), uses, scope),
        height=SKELETON_HEIGHT,
        gives_way=True,
    )


def _ranked(
    found: Sequence[TemplateSaving], uses: Mapping[str | None, Use]
) -> list[TemplateSaving]:
    """The most tokens over all calls first: lossless, then near, then what is used at all."""

    def worth(each: TemplateSaving) -> tuple[float, float, float]:
        use = uses.get(each.template)
        calls = use.calls if use is not None else len(each.calls)
        return (-each.lossless * calls, -each.near * calls, -(use.tokens if use else 0))

    return sorted(found, key=worth)


def _found(found: list[TemplateSaving], uses: Mapping[str | None, Use], scope: Scope) -> None:
    sentence(_answer(found, uses))
    st.html(f'<p class="lp-note">{_basis(found)}</p>')
    if not any(each.seen for each in found):
        _content_off(found, uses)
        return
    _explored(found, uses, scope)


@st.fragment
def _explored(found: list[TemplateSaving], uses: Mapping[str | None, Use], scope: Scope) -> None:
    """Everything that a choice redraws."""
    prompt_choice.follow()
    chosen = prompt_choice.template(found)
    if prompt_choice.is_unknown(found):
        st.info("That template has no calls here; showing the one that could save most.")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _table(found, uses, chosen)
        call_and_parts(chosen)
    with right:
        use = uses.get(chosen.template)
        prompt_panel(chosen, _name(chosen, use), scope)


def _answer(found: list[TemplateSaving], uses: Mapping[str | None, Use]) -> list[str]:
    known = [each for each in found if each.seen]
    if not known:
        return ["The texts of these prompts are not kept, so nobody can say what they waste."]
    first, use = known[0], uses.get(known[0].template)
    spent = use.tokens / use.calls if use is not None and use.calls else None
    name = shown_text.markup(_name(first, use))
    if first.lossless < 1 or (spent and first.lossless < WORTH_SHARE * spent):
        return [
            f"<b>No shorter way was found</b> to write these prompts with nothing lost. {TRIED}"
        ]
    share = f" ({quantities.share(first.lossless / spent)})" if spent else ""
    sign = "" if first.is_exact else "~"
    words = (
        f"Each call of <b>{name}</b> could be <b>{sign}{quantities.count(first.lossless)} tokens"
        f"</b>{share} shorter with nothing lost"
    )
    if first.usd_per_1000:
        words += f", which saves <b>{quantities.dollars(first.usd_per_1000)}</b> per 1,000 calls"
    return [f"{words}."]


def _basis(found: list[TemplateSaving]) -> str:
    seen, hidden = sum(each.seen for each in found), sum(each.hidden for each in found)
    words = f"From the texts of the newest {quantities.counted(seen, 'call')}, each way counted."
    if hidden:
        words += f" {quantities.counted(hidden, 'call')} more came without texts."
    return words + " Texts may hold secrets: they are shown here only and sent nowhere."


def _table(
    found: Sequence[TemplateSaving], uses: Mapping[str | None, Use], chosen: TemplateSaving | None
) -> None:
    st.html('<p class="lp-h">Templates<small>by recoverable tokens</small></p>')
    top = max((each.lossless for each in found), default=0.0) or 1.0
    prompt_choice.offer("lp_savings", [prompt_choice.key_of(each) for each in found])
    rows.mount(
        _COLUMNS,
        [_row(each, uses.get(each.template), top, is_selected=each is chosen) for each in found],
        key="lp_savings",
        label="Templates by recoverable tokens",
        height=TABLE_HEIGHT,
    )


def _row(each: TemplateSaving, use: Use | None, top: float, *, is_selected: bool) -> rows.Row:
    tokens = each.lossless if each.seen else None
    near = each.near if each.seen else None
    spent = use.tokens / use.calls if use is not None and use.calls else None
    share = f"of {quantities.count(spent)} tokens a call" if spent else ""
    rough = not each.is_exact
    return rows.Row(
        cells=(
            rows.Cell(shown_text.line(_name(each, use), 60), note=""),
            rows.Cell(
                estimated(quantities.count(tokens), rough),
                hue=None,
                share=(tokens or 0.0) / top,
                hint=share,
                value=tokens,
            ),
            rows.Cell(estimated(quantities.count(near), rough), value=near),
            rows.figure(quantities.count, use.calls if use is not None else len(each.calls)),
            rows.figure(quantities.dollars, each.usd_per_1000),
        ),
        link=prompt_choice.address(template=prompt_choice.key_of(each)),
        is_selected=is_selected,
    )


def _name(each: TemplateSaving, use: Use | None) -> str:
    if each.template is None:
        return NOT_RECORDED
    return (use.name if use is not None else None) or f"Template {each.template[:8]}"


def _content_off(found: Sequence[TemplateSaving], uses: Mapping[str | None, Use]) -> None:
    """What cannot be seen without texts, and what can."""
    with st.container(border=True, key="lp_content_off"):
        st.subheader("What this page cannot see", anchor=False)
        st.markdown(
            "Prompts are known by their sizes and hashes only (`LATPROBE_CONTENT=off`). Without "
            "texts nobody can tell JSON from prose, try another notation or show a before and "
            "after. Sizes, repeats and unused tools are on the Tokens page. To keep texts of new "
            "calls in this store, which never leaves this machine:"
        )
        listing.mount("export LATPROBE_CONTENT=local", key="lp_content_local")
    _table(found, uses, None)
