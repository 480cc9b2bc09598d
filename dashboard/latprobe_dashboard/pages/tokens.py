"""Where do the tokens go? Which prompts are heavy, which part of them, what it costs, how sure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.errors import NoDataError
from latprobe_dashboard import data, quantities, shown_text, token_figures, token_queries
from latprobe_dashboard.charts import cards, token_time
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.pages import token_choice
from latprobe_dashboard.pages.prompt_text import prompt_text
from latprobe_dashboard.pages.template_detail import heaviest_calls, template_detail
from latprobe_dashboard.pages.token_words import estimates, part_words, template_name
from latprobe_dashboard.pages.tokens_empty import no_model_calls, prompts_not_recorded
from latprobe_dashboard.pages.use_tables import model_table, stage_bars, template_table
from latprobe_dashboard.token_figures import TimePoint, TokenView, Use

TITLE, PATH, ICON = "Tokens", "tokens", ":material/data_usage:"
QUESTION = "Where do the tokens go?"
BINS = 60
CHART_HEIGHT = 250
MODELS_NAMED = 3
_STYLE = Path(__file__).with_name("tokens.css")


def render() -> None:
    show(QUESTION, _body)


def _body(scope: Scope) -> None:
    token_queries.prepare()
    st.html(f"<style>{_STYLE.read_text('utf-8')}</style>")
    seen = token_figures.view(scope, bins=BINS)
    if not seen.calls.num_rows:
        if scope != EVERYTHING:
            raise NoDataError("No model call was recorded here.")
        no_model_calls()
        return
    token_choice.follow()
    chosen = token_choice.template(seen.templates)
    if chosen is not None:
        newest = token_queries.newest_calls(seen.calls, chosen)
        data.begin(lambda: token_queries.template(newest))
    sentence(_answer(seen))
    st.html(f'<p class="lp-note">{estimates(seen.models)}</p>')
    cards.mount(_cards(seen.total, seen.points))
    if all(use.template is None for use in seen.templates):
        prompts_not_recorded()
    _explored(seen)


@st.fragment
def _explored(seen: TokenView) -> None:
    """Everything that a choice of template and call redraws."""
    token_choice.follow()
    chosen = token_choice.template(seen.templates)
    token_choice.say_unknown(seen.templates)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        stage_bars(seen.stages, chosen)
    with right:
        what = "Cost" if token_time.is_priced(seen.points) else "Tokens"
        st.html(f'<p class="lp-h">{what} over time</p>')
        token_time.mount(seen.points, key="lp_token_time", height=CHART_HEIGHT)
        model_table(seen.models)
    template_table(seen.templates, chosen)
    use = next((use for use in seen.templates if use.template == chosen), None)
    if chosen is not None and use is not None:
        template_detail(seen.calls, use)
    heaviest_calls(seen.calls, chosen)
    prompt_text()


def _answer(seen: TokenView) -> list[str]:
    if not seen.total.tokens:
        return [f"{quantities.counted(seen.total.calls, 'model call')}, none of which has tokens."]
    first = seen.templates[0]
    named = seen.templates[: 2 if first.template is None else 1]
    return [*(_uses(use, seen.total) for use in named), _price(first, seen.models)]


def _uses(use: Use, everything: Use) -> str:
    """What one template uses of all tokens, and which part of it does."""
    share = quantities.share(use.tokens / everything.tokens)
    calls = quantities.counted(use.calls, "call")
    if use.template is None:
        return f"{calls} without their prompt use <b>{share}</b> of all tokens."
    name = shown_text.markup(template_name(use))
    words = f"<b>{name}</b> uses <b>{share}</b> of all tokens, in {calls}"
    return f"{words}{_heaviest_part(use)}."


def _heaviest_part(use: Use) -> str:
    part = use.heaviest
    if part is None or not use.prompt_tokens:
        return ""
    share = quantities.share(part.tokens / use.prompt_tokens)
    about = "about " if part.is_estimated else ""
    return f"; {about}<b>{share}</b> of its prompts is <b>{part_words(part.kind)}</b>"


def _price(first: Use, models: Sequence[Use]) -> str:
    """What the heaviest template cost, and the models that nobody knows a price of."""
    cost = ""
    if first.cost_usd is not None:
        over = "at least " if first.unpriced_calls else ""
        cost = f"It cost {over}<b>{quantities.dollars(first.cost_usd)}</b>. "
    unpriced = token_figures.unpriced_models(models)
    if not unpriced:
        return cost
    names = [
        f"<b>{shown_text.markup(model, 40)}</b>" if model else "calls that name no model"
        for model in unpriced[:MODELS_NAMED]
    ]
    if len(unpriced) > MODELS_NAMED:
        names.append(f"{len(unpriced) - MODELS_NAMED} more")
    return f"{cost}No price is known for {', '.join(names)}."


def _cards(use: Use, points: Sequence[TimePoint]) -> list[cards.Card]:
    return [
        cards.Card(
            "Input tokens",
            quantities.count(use.input_tokens),
            _spread(use.input_p50, use.input_p95),
            [point.input_tokens for point in points],
            help="p50 and p95 of a call. As billed where the provider said so, else counted; "
            "cached tokens included",
        ),
        cards.Card(
            "Output tokens",
            quantities.count(use.output_tokens),
            _spread(use.output_p50, use.output_p95),
            [point.output_tokens for point in points],
            help="Reasoning included",
        ),
        cards.Card(
            "Cost",
            quantities.dollars(use.cost_usd),
            f"{quantities.counted(use.unpriced_calls, 'call')} without a price"
            if use.unpriced_calls
            else "every call has a price",
            [point.cost_usd for point in points],
            help="List prices of the day of each call, or yours; without a price is not free",
        ),
        cards.Card(
            "From the cache",
            quantities.share(use.cache_share),
            "no call says so"
            if use.cached_tokens is None
            else f"{quantities.count(use.cached_tokens)} of the input",
            [point.cache_share for point in points],
            help="Input read from the provider's cache, of the calls that report it",
        ),
        cards.Card(
            "Unexplained",
            quantities.share(use.residual_share),
            "no prompt was counted"
            if use.residual_tokens is None
            else f"{quantities.count(use.residual_tokens)} of the input",
            help="Input that was billed and that no part of the prompts accounts for",
        ),
        cards.Card(
            "Model calls",
            quantities.count(use.calls),
            _trouble(use),
            [point.calls for point in points],
            help="Each counted once, however many spans repeat its usage",
        ),
    ]


def _spread(p50: float | None, p95: float | None) -> str:
    if p50 is None:
        return "no call has any"
    return f"p50 {quantities.count(p50)} · p95 {quantities.count(p95)}"


def _trouble(use: Use) -> str:
    """What of the calls needs a look, the most telling first."""
    if use.problem_calls:
        return f"{quantities.count(use.problem_calls)} do not add up"
    if use.calls_without_prompt:
        return f"{quantities.count(use.calls_without_prompt)} without prompt"
    if use.stopped_calls:
        return f"{quantities.count(use.stopped_calls)} stopped by their limit"
    return "all add up"
