"""`latprobe tokens FILE`: where a request's tokens are, without sending it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from latprobe.cli.anatomy_report import CountedCall
    from latprobe.cli.request_file import SavedCall


def add_to(app: typer.Typer) -> None:
    app.command("tokens")(tokens)


def tokens(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A request as JSON, JSONL, or a text; - is stdin.")
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODEL", help="The model; else the request's own."),
    ] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="The provider, for the price.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Count a request's tokens by part: system, tools, history, retrieved, images and the rest.

    FILE holds a request of OpenAI, Anthropic, Gemini, LangChain or LlamaIndex, or one with its
    answer as {"request": ..., "response": ...}. Nothing is sent anywhere.
    """
    from latprobe.cli import anatomy_report, output
    from latprobe.cli.request_file import read_calls

    counted = _count(read_calls(file), model, provider)
    if as_json:
        output.data(anatomy_report.as_json(counted))
    else:
        anatomy_report.print_report(counted)


def _count(calls: list[SavedCall], model: str | None, provider: str | None) -> list[CountedCall]:
    """Each call counted and priced."""
    from latprobe.cli import messages
    from latprobe.cli.anatomy_report import Means, count_call
    from latprobe.config import load_settings
    from latprobe.tokens.counting import TokenCounter
    from latprobe.tokens.custom import CustomTokenizers
    from latprobe.tokens.prices import Prices

    settings = load_settings()
    means = Means(TokenCounter(), CustomTokenizers(settings.tokenizers), Prices(settings.prices))
    with messages.working("Counting tokens"):
        return [count_call(call, model=model, provider=provider, means=means) for call in calls]
