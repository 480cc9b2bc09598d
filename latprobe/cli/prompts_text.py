"""Templates and calls as text: who uses the tokens, by part, and the texts themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from latprobe.cli import figures, output
from latprobe.cli.output import Column

if TYPE_CHECKING:
    from latprobe.analysis.prompts import AnatomyPart, CallAnatomy, CallRow
    from latprobe.analysis.templates import PartUse, TemplateUse

_SHORT_CHARACTERS = 320
_SHORT_TEMPLATE = 1_500
ID_DIGITS = 8
UNKNOWN = "(not recorded)"


def print_templates(templates: Sequence[TemplateUse]) -> None:
    """One line a template; what is estimated has a ~ before it."""
    columns = [
        Column("Template", "left"),
        Column("Prompt", "left", shorten=True),
        Column("Stage", "left", shorten=True, give_up=4),
        Column("Calls"),
        Column("Input"),
        Column("p50", give_up=2),
        Column("p95", give_up=2),
        Column("Output", give_up=1),
        Column("Heaviest part", "left"),
        Column("Stable", give_up=3),
        Column("Cached", give_up=5),
        Column("Cost"),
    ]
    output.table(columns, [_template_cells(one) for one in templates])


def _template_cells(one: TemplateUse) -> list[str]:
    return [
        one.template_id[:ID_DIGITS] if one.template_id else figures.UNMEASURED,
        one.name or UNKNOWN,
        ", ".join(one.stages),
        figures.count(one.calls),
        figures.count(one.input_tokens),
        figures.count(one.input_p50),
        figures.count(one.input_p95),
        figures.count(one.output_tokens),
        _heaviest(one.parts),
        figures.percent(one.stable_prefix.share if one.stable_prefix else None),
        figures.percent(one.cache_share),
        cost(one.cost_usd, one.unpriced_calls),
    ]


def cost(usd: float | None, unpriced: int) -> str:
    """A sum of costs; a + says that some calls have no price."""
    return figures.usd(usd) + ("+" if usd is not None and unpriced else "")


def _heaviest(parts: Sequence[PartUse]) -> str:
    part = next((part for part in parts if part.side == "input"), None)
    if part is None:
        return figures.UNMEASURED
    return f"{part.kind} {approximately(part.is_estimated)}{figures.percent(part.share)}"


def approximately(is_estimated: bool) -> str:
    """The sign before an estimated figure."""
    return "~" if is_estimated else ""


def print_calls(calls: Sequence[CallRow]) -> None:
    """One line a call; what stands under Call is what `--call` takes."""
    columns = [
        Column("Call", "left"),
        Column("Started", "left", give_up=3),
        Column("Stage", "left", shorten=True),
        Column("Model", "left", shorten=True, give_up=2),
        Column("Tokens in/out"),
        Column("Heaviest part", "left", give_up=1),
        Column("Residual", give_up=5),
        Column("Cost"),
    ]
    output.table(columns, [_call_cells(one) for one in calls])


def _call_cells(one: CallRow) -> list[str]:
    part = one.heaviest_part
    heaviest = f"{part} {figures.count(one.heaviest_part_tokens)}" if part else figures.UNMEASURED
    return [
        f"{one.trace_id[:12]}/{one.span_id}",
        figures.local_time(one.start_ns),
        one.stage,
        one.model or figures.UNMEASURED,
        _origin_mark(one) + figures.tokens(one.input_tokens, one.output_tokens),
        heaviest,
        figures.count(one.residual_input_tokens),
        figures.usd(one.cost_usd),
    ]


def _origin_mark(one: CallRow) -> str:
    return approximately("estimated" in (one.input_origin, one.output_origin))


def print_template(one: TemplateUse, text: str | None, *, full: bool) -> None:
    """A template's figures, its parts, its stable text."""
    output.line(f"{one.name or UNKNOWN}  ({one.template_id})", style="bold")
    for line in _facts(one):
        output.line(line)
    output.line()
    output.table(
        [
            Column("Part", "left"),
            Column("Side", "left"),
            Column("Calls"),
            Column("Tokens"),
            Column("p50"),
            Column("p95"),
            Column("Share"),
        ],
        [_part_cells(part) for part in one.parts],
    )
    output.line()
    if text is None:
        output.line("The text is not kept (LATPROBE_CONTENT=off).")
    else:
        output.line("Stable text, {…} where it changes:", style="bold")
        _print_text(text, full=full, limit=_SHORT_TEMPLATE)


def _part_cells(part: PartUse) -> list[str]:
    mark = approximately(part.is_estimated)
    return [
        part.kind,
        part.side,
        figures.count(part.calls),
        mark + figures.count(part.tokens),
        mark + figures.count(part.p50_tokens),
        mark + figures.count(part.p95_tokens),
        mark + figures.percent(part.share),
    ]


def _facts(one: TemplateUse) -> list[str]:
    lines = [
        f"{figures.many(one.calls, 'call')} of {', '.join(one.stages)}"
        + (f" to {', '.join(one.models)}" if one.models else "")
        + f" · input p50 {figures.count(one.input_p50)}, p95 {figures.count(one.input_p95)}"
        + f" · output p50 {figures.count(one.output_p50)}, p95 {figures.count(one.output_p95)}"
        + f" · {cost(one.cost_usd, one.unpriced_calls)}"
    ]
    mark = approximately(one.is_exact is False)
    prefix = one.stable_prefix
    if prefix is not None:
        partial = prefix.partial_tokens_estimated
        more = f" and ~{figures.count(partial)} more" if partial else ""
        until = f", until the {prefix.stopped_by} part" if prefix.stopped_by else ""
        lines.append(
            f"Same from the start: {mark}{figures.count(prefix.tokens)} tokens{more}{until}"
        )
    if one.repeated_tokens is not None:
        lines.append(
            f"Sent again: {mark}{figures.count(one.repeated_tokens)} tokens "
            f"({figures.percent(one.repeated_share)}) that an earlier call had sent"
        )
    if one.cache_share is not None:
        lines.append(f"From the provider's cache: {figures.percent(one.cache_share)} of the input")
    if one.growth_tokens_per_turn is not None and one.conversations:
        lines.append(
            f"Growth: {one.growth_tokens_per_turn:+,.0f} input tokens a turn "
            f"over {figures.many(one.conversations, 'conversation')}"
        )
    if one.stopped_calls:
        lines.append(f"Stopped by their token limit: {figures.many(one.stopped_calls, 'call')}")
    if one.unused_tools:
        lines.append(f"Offered and never called: {', '.join(one.unused_tools)}")
    if one.is_exact is False:
        lines.append(f"Parts are estimated{_error(one.expected_error)}")
    return lines


def _error(expected: float | None) -> str:
    return "" if expected is None else f", expected error {figures.percent(expected)}"


def print_call(found: CallAnatomy, *, full: bool) -> None:
    """A call's figures, then each part with its text."""
    call = found.call
    output.line(f"{call.trace_id}/{call.span_id}", style="bold")
    output.line(
        f"{call.stage} · {call.model or 'no model said'} · "
        f"{_origin_mark(call)}{figures.tokens(call.input_tokens, call.output_tokens)} tokens "
        f"in/out · {figures.usd(call.cost_usd)}"
        + (f" · {call.template_name}" if call.template_name else "")
    )
    if call.residual_input_tokens is not None:
        output.line(
            f"Billed less counted: {figures.count(call.residual_input_tokens)} tokens of the input"
            + (_error(call.expected_error) if call.is_exact is False else "")
        )
    for problem in filter(None, (call.problem, call.content_problem)):
        output.line(f"Doubtful: {problem}")
    if call.stops_early:
        output.line("The answer was stopped by the token limit.")
    if not found.parts:
        output.line("The prompt of this call was not recorded.")
    for part in found.parts:
        output.line()
        output.line(_part_title(part), style="bold")
        _print_part(part, full=full)


def _part_title(part: AnatomyPart) -> str:
    name = f" {part.name}" if part.name else ""
    role = f" ({part.role})" if part.role and part.role != part.kind else ""
    title = f"{part.side} {part.kind}{name}{role}  "
    if part.tokens is None:
        title += "- tokens"
    else:
        title += f"{approximately(part.is_estimated)}{figures.many(part.tokens, 'token')}"
    if part.bytes is not None:
        title += f", {figures.size(part.bytes)}"
    if part.sent_before:
        title += f", sent before {figures.many(part.sent_before, 'time')}"
    return title


def _print_part(part: AnatomyPart, *, full: bool) -> None:
    if part.media is not None:
        shown = {key: value for key, value in part.media.items() if value is not None}
        output.line("  " + ", ".join(f"{key} {value}" for key, value in shown.items()))
    elif part.text is not None:
        _print_text(part.text, full=full, limit=_SHORT_CHARACTERS)
        if part.is_truncated:
            output.line("  (only the beginning is kept: content_max_bytes)")
    elif part.hash is not None:
        output.line(f"  text not kept, hash {part.hash}")


def _print_text(text: str, *, full: bool, limit: int) -> None:
    """The text, its middle left out if it is long."""
    if not full and len(text) > limit:
        left_out = len(text) - limit
        half = limit // 2
        text = f"{text[:half]}\n[{left_out:,} characters left out; --full]\n{text[-half:]}"
    for line in text.split("\n"):
        output.line(f"  {line}")
