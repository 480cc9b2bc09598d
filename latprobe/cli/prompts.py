"""`latprobe prompts`: the prompts that use the most tokens, and which part of them does."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from latprobe.analysis.scope import Scope
    from latprobe.store.query import Query

_CONTENT_HINT = (
    "OpenTelemetry's own instrumentations record prompts with "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY in the program's environment."
)


class Order(StrEnum):
    TOKENS = "tokens"
    COST = "cost"


def add_to(app: typer.Typer) -> None:
    app.command("prompts")(prompts)


def prompts(
    template: Annotated[
        str | None,
        typer.Option("--template", metavar="ID", help="One template: its parts and stable text."),
    ] = None,
    call: Annotated[
        str | None,
        typer.Option("--call", metavar="TRACE/SPAN", help="One call: its parts with their text."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show texts whole.")] = False,
    order: Annotated[
        Order, typer.Option("--order", "-o", help="Which calls come first.")
    ] = Order.TOKENS,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = 10,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """List the heaviest prompt templates and model calls, or take one of them apart."""
    from latprobe.cli.open_store import open_store
    from latprobe.errors import UsageError

    filters = options.Filters(service, run, since, until)
    filters.check()
    if template is not None and call is not None:
        raise UsageError("--template and --call ask for different things; give one of them.")
    with open_store(home) as store:
        if call is not None:
            _show_call(store.query, call, full=full, as_json=as_json)
        elif template is not None:
            scope = filters.scope(store.query)
            _show_template(store.query, scope, template, limit=limit, full=full, as_json=as_json)
        else:
            _list(store.query, filters.scope(store.query), limit, order, as_json=as_json)


def _list(query: Query, scope: Scope, limit: int, order: Order, *, as_json: bool) -> None:
    from latprobe.analysis.prompts import heaviest_calls
    from latprobe.analysis.templates import heaviest_templates
    from latprobe.cli import messages, output, prompts_text
    from latprobe.errors import NoDataError

    with messages.working("Adding up the calls"):
        templates = heaviest_templates(query, scope, limit=limit)
        calls = heaviest_calls(query, scope, limit=limit, order=order.value)
    if not calls:
        raise NoDataError(
            "No model call is recorded here. Run your program with: latprobe run -- python app.py. "
            + _CONTENT_HINT
        )
    if all(template.template_id is None for template in templates):
        messages.warn("these calls came without their prompts. " + _CONTENT_HINT)
    if as_json:
        output.data(
            {"templates": [asdict(one) for one in templates], "calls": [asdict(c) for c in calls]}
        )
    else:
        prompts_text.print_templates(templates)
        output.line()
        prompts_text.print_calls(calls)


def _show_template(
    query: Query, scope: Scope, wanted: str, *, limit: int, full: bool, as_json: bool
) -> None:
    from latprobe.analysis.prompts import heaviest_calls
    from latprobe.analysis.templates import heaviest_templates, template_text
    from latprobe.cli import output, prompts_text
    from latprobe.errors import NoDataError, UsageError

    found = heaviest_templates(query, scope, limit=2, template_id=wanted)
    if not found or found[0].template_id is None:
        raise NoDataError(f"No template {wanted!r} has calls here; `latprobe prompts` lists them.")
    if len(found) > 1:
        raise UsageError(f"{wanted!r} begins several templates' ids; write more of its digits.")
    text = template_text(query, found[0].template_id)
    calls = heaviest_calls(query, scope, limit=limit, template_id=found[0].template_id)
    if as_json:
        output.data({**asdict(found[0]), "text": text, "calls": [asdict(one) for one in calls]})
    else:
        prompts_text.print_template(found[0], text, full=full)
        output.line()
        prompts_text.print_calls(calls)


def _show_call(query: Query, wanted: str, *, full: bool, as_json: bool) -> None:
    from latprobe.analysis.prompts import call_anatomy
    from latprobe.cli import output, prompts_text
    from latprobe.errors import UsageError

    trace, slash, span = wanted.partition("/")
    if not slash:
        raise UsageError(f"--call {wanted!r} is not TRACE/SPAN, as `latprobe prompts` shows them.")
    found = call_anatomy(query, trace, span)
    if as_json:
        output.data(asdict(found))
    else:
        prompts_text.print_call(found, full=full)
