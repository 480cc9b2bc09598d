"""The report's part on tokens: which models and which prompts used them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprobe.cli import figures, output
from latprobe.cli.output import Column
from latprobe.cli.prompts_text import approximately, cost, print_templates

if TYPE_CHECKING:
    from latprobe.analysis.token_totals import ModelUse, TokenReport

# `latprobe prompts` has more.
_TEMPLATES = 5


def print_tokens(tokens: TokenReport) -> None:
    """The models, then the heaviest templates where prompts were recorded."""
    output.table(
        [
            Column("Model", "left", shorten=True),
            Column("Calls"),
            Column("Input"),
            Column("Cached", give_up=3),
            Column("Output"),
            Column("Reasoning", give_up=4),
            Column("Unexplained", give_up=2),
            Column("Cost", give_up=1),
        ],
        [_model_cells(model) for model in tokens.models],
    )
    unpriced = [model.model or "no model said" for model in tokens.models if model.unpriced_calls]
    if unpriced:
        output.line(f"No price known: {', '.join(unpriced)} ([tool.latprobe.prices])")
    own = [model.model or "no model said" for model in tokens.models if model.overridden_calls]
    if own:
        output.line(f"Your own prices: {', '.join(own)} ([tool.latprobe.prices])")
    known = [template for template in tokens.templates if template.template_id is not None]
    if known:
        output.line()
        print_templates(known[:_TEMPLATES])


def _model_cells(model: ModelUse) -> list[str]:
    mark = approximately(bool(model.estimated_calls))
    return [
        model.model or "(no model said)",
        figures.count(model.calls),
        mark + figures.count(model.input_tokens),
        figures.percent(model.cache_share),
        mark + figures.count(model.output_tokens),
        figures.count(model.reasoning_tokens),
        figures.percent(model.residual_share_p50),
        cost(model.cost_usd, model.unpriced_calls),
    ]
