"""`latprobe cache`: what caches would have answered of the recorded calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import figures, options

if TYPE_CHECKING:
    from latprobe.analysis.cache import CacheReport, Opportunity, StageCache
    from latprobe.analysis.cache.prefix_opportunity import InputPrice

_NAMES = {
    "exact": "same input",
    "near_duplicate": "nearly the same",
    "semantic": "same meaning",
    "prefix": "provider's prompt cache",
    "embedding": "embeddings",
    "kv": "KV reuse (own engine)",
}


def add_to(app: typer.Typer) -> None:
    app.command("cache")(cache)


def cache(
    stage: Annotated[
        str | None, typer.Option(metavar="STAGE", help="Only the calls of this stage.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Only the calls of this model.")
    ] = None,
    size: Annotated[
        int, typer.Option(min=1, metavar="N", help="Entries that the cache holds.")
    ] = 10_000,
    ttl: Annotated[
        float, typer.Option(min=0.001, metavar="SECONDS", help="How long an entry serves.")
    ] = 3_600.0,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Show what caches would have saved: same input, nearly the same, prompt prefixes."""
    from dataclasses import replace
    from math import isfinite

    from latprobe.analysis.cache import Limits, cache_report
    from latprobe.cli import messages, output
    from latprobe.cli.open_store import open_store

    filters = options.Filters(service, run, since, until)
    filters.check()
    price = _input_price(home)
    limits = Limits(size, ttl if isfinite(ttl) else None)
    with open_store(home) as store:
        scope = replace(filters.scope(store.query), stage=stage, model=model)
        with messages.working("Running caches over the recorded calls"):
            found = cache_report(store.query, scope, limits=limits, price=price)
    if as_json:
        output.data(found.to_json())
    else:
        _print(found)


def _input_price(home: Path | None) -> InputPrice:
    """What an input token costs, by the user's prices and the list's."""
    from latprobe.tokens.prices import Prices
    from latprobe.tokens.rates import Quantities

    prices = Prices(options.settings_for(home).prices)
    tokens = 1_000

    def price(*, model: str, provider: str | None, at_ns: int) -> float | None:
        given = Quantities(input_tokens=tokens, output_tokens=0)
        found = prices.cost(given, model=model, provider=provider, at_ns=at_ns)
        return None if found.usd is None else found.usd / tokens

    return price


def _print(report: CacheReport) -> None:
    from latprobe.cli import output
    from latprobe.cli.output import Column

    if report.refused is not None:
        output.line(report.refused)
    columns = (
        Column("Cache", "left"), Column("Hits"), Column("95 %"), Column("Calls' time saved"),
        Column("Tokens saved in/out", give_up=1), Column("Input read from cache", give_up=1),
        Column("Cost saved"), Column("Same answer", give_up=2),
    )  # fmt: skip
    for stage in report.stages:
        output.line(_headline(stage), style="bold")
        if stage.refused is not None:
            output.line(stage.refused)
        figured = [each for each in stage.opportunities if each.refused is None]
        if figured:
            output.known_table(columns, [_row(each) for each in figured])
        for line in _notes(stage):
            output.line(line, style="dim")
        output.line()


def _headline(stage: StageCache) -> str:
    model = "" if stage.model is None else f" ({stage.model})"
    return (
        f"{stage.stage}{model}: {figures.many(stage.calls, 'call')}, "
        f"{figures.count(stage.distinct)} different inputs"
    )


def _row(each: Opportunity) -> list[str]:
    ci = each.hit_ratio_ci95
    return [
        _NAMES[each.kind],
        figures.percent(each.hit_ratio),
        figures.UNMEASURED
        if ci is None
        else f"{figures.percent(ci.low)} - {figures.percent(ci.high)}",
        figures.ms(each.saved_ms),
        *_tokens(each),
        figures.usd(each.saved_cost_usd),
        figures.percent(each.same_answer_share),
    ]


def _tokens(each: Opportunity) -> tuple[str, str]:
    """What is not sent at all, and what is sent but cheaper: read from a cache of prefixes."""
    if each.kind in ("prefix", "kv"):
        return "", figures.count(each.saved_input_tokens)
    return figures.tokens(each.saved_input_tokens, each.saved_output_tokens), ""


def _notes(stage: StageCache) -> list[str]:
    lines = list(stage.notes)
    for each in stage.opportunities:
        said = (each.refused,) if each.refused is not None else each.notes
        lines += [f"{_NAMES[each.kind]}: {text}" for text in said]
    return lines
