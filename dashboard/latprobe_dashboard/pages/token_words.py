"""Words that the tables of the Tokens page share: names, and how sure a figure is."""

from __future__ import annotations

from collections.abc import Sequence

from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.theme import part_hue
from latprobe_dashboard.token_figures import Use

NOT_RECORDED = "(prompt not recorded)"
MODELS_NAMED = 4
_SENTENCES = {
    "system": "system text",
    "retrieved": "retrieved text",
    "user": "the user's own words",
    "history": "earlier turns",
    "overhead": "the chat template",
}


def part_words(kind: str) -> str:
    """A kind of part within a sentence."""
    return _SENTENCES.get(kind, part_hue(kind).label.lower())


def template_name(use: Use) -> str:
    """The template's name; its id where texts are not kept."""
    if use.template is None:
        return NOT_RECORDED
    return use.name or f"Template {use.template[:8]}"


def certainty(use: Use) -> str:
    """How a model's parts were counted: "exact", "± 5 %", "estimated", or not at all."""
    if use.is_exact is None:
        return quantities.NOT_MEASURED
    if use.is_exact:
        return "exact"
    if not use.expected_error:
        return "estimated"
    return f"± {quantities.share(use.expected_error)}"


def estimates(models: Sequence[Use]) -> str:
    """How sure the counts of the parts are, as HTML."""
    rough = [use for use in models if use.is_exact is False]
    if all(use.is_exact is None for use in models):
        return "Totals are as the calls reported them; no prompt was taken apart."
    if not rough:
        return "Totals are as billed; parts are counted exactly."
    names = ", ".join(
        f"{shown_text.markup(use.model or 'unnamed models', 40)} ({_error(use)})"
        for use in rough[:MODELS_NAMED]
    )
    more = f" and {len(rough) - MODELS_NAMED} more" if len(rough) > MODELS_NAMED else ""
    rest = ", exact otherwise" if any(use.is_exact for use in models) else ""
    return f"Totals are as billed; parts are estimated for {names}{more}{rest}."


def _error(use: Use) -> str:
    known = use.expected_error
    return f"expected error {quantities.share(known)}" if known else "expected error not known"


def estimated(text: str, is_estimated: bool) -> str:
    """The figure, marked where it is an estimate."""
    return f"~{text}" if is_estimated and text != quantities.NOT_MEASURED else text
