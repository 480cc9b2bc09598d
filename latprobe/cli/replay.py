"""`latprobe replay`: recorded requests asked of a live model, as they were and as suggested."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from latprobe.advice.replay.endpoint import Endpoint
    from latprobe.advice.replay.plan import Plan
    from latprobe.advice.replay.result import Replayed
    from latprobe.advice.suggestion import Suggestion
    from latprobe.store.query import Query

_OPENAI, _OPENAI_KEY = "api.openai.com", "OPENAI_API_KEY"


def add_to(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    suggestion_id: Annotated[
        str, typer.Argument(metavar="ID", help="The suggestion, as `latprobe advise` names it.")
    ],
    on: Annotated[
        str, typer.Option("--on", metavar="URL", help="OpenAI-compatible server: https://host/v1.")
    ],
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model to ask; the recorded one by default.")
    ] = None,
    requests: Annotated[
        int, typer.Option(min=1, metavar="N", help="Ask at most N recorded requests again.")
    ] = 80,
    margin: Annotated[
        str, typer.Option(metavar="SHARE", help="Agreement may be lower by this much.")
    ] = "5%",
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, max=32, metavar="N", help="Calls at a time.")
    ] = 2,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Wait so long for one answer.")
    ] = 60,
    key_from: Annotated[
        str | None,
        typer.Option(
            "--key-from",
            metavar="VARIABLE",
            help="Where the key is, '' sends none; OPENAI_API_KEY for OpenAI and this machine.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Call the model without asking.")] = False,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Check on a live model that a suggestion leaves the answers as good as they were.

    Sends recorded prompts, as they were and as suggested. Says how many first, and asks.
    """
    from latprobe.advice.replay.endpoint import Endpoint, checked_url
    from latprobe.advice.replay.kept import read_replays
    from latprobe.cli.open_store import open_store

    filters = options.Filters(service, run, since, until)
    filters.check()
    wanted = Wanted(requests, _share(margin), model)
    variable = _key_variable(checked_url(on, has_key=False), key_from)
    key = os.environ.get(variable) if variable else None
    url = checked_url(on, has_key=bool(key))
    settings = options.settings_for(home)
    read_replays(settings.home)
    with open_store(home) as store:
        suggestion, planned = _planned(store.query, filters, suggestion_id, wanted, settings.prices)
    endpoint = Endpoint(url, _model(wanted, planned), key or None, timeout)
    _ask_leave(planned, endpoint, variable, is_sure=yes)
    found = _tried(suggestion, planned, endpoint, wanted, at_once=at_once)
    _show_and_keep(settings.home, found, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to try: at most so many requests, a margin of 0..1, and a model (None: as recorded)."""

    requests: int
    margin: float
    model: str | None


def _planned(
    query: Query,
    filters: options.Filters,
    suggestion_id: str,
    wanted: Wanted,
    prices: Mapping[str, Any],
) -> tuple[Suggestion, Plan]:
    from latprobe.advice.advisor import advise
    from latprobe.advice.marking import suggested
    from latprobe.advice.replay.plan import plan
    from latprobe.analysis.refusal import Refusal
    from latprobe.cli import messages
    from latprobe.errors import NoDataError

    with messages.working("Looking for requests to ask again"):
        scope = filters.scope(query)
        suggestion = suggested(advise(query, scope), suggestion_id)
        found = plan(
            query,
            scope,
            suggestion,
            requests=wanted.requests,
            margin=wanted.margin,
            model=wanted.model,
            prices=prices,
        )
    if isinstance(found, Refusal):
        raise NoDataError(found.reason)
    return suggestion, found


def _model(wanted: Wanted, planned: Plan) -> str:
    from latprobe.errors import UsageError

    name = wanted.model or planned.recorded_model
    if name is None:
        raise UsageError("The recorded calls name no model; name one with --model.")
    return name


def _key_variable(url: str, key_from: str | None) -> str:
    """Where the key is, empty for none. UsageError for a host that the usual one may not be for."""
    from latprobe.advice.replay.endpoint import is_local
    from latprobe.errors import UsageError

    if key_from is not None:
        return key_from
    host = urlsplit(url).hostname
    if host == _OPENAI or is_local(host):
        return _OPENAI_KEY
    raise UsageError(
        f"Name the variable that holds the key for {host} with --key-from, or give --key-from '' "
        "to send none."
    )


def _ask_leave(planned: Plan, endpoint: Endpoint, variable: str, *, is_sure: bool) -> None:
    """Says what will be sent. Without a yes nothing is: typer.Exit, UsageError where nobody can be
    asked."""
    from latprobe.cli import messages
    from latprobe.cli.replay_text import what_is_asked
    from latprobe.errors import UsageError

    messages.say(what_is_asked(planned, endpoint, variable))
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise UsageError("Nothing was sent: nobody is there to ask. Add --yes to send it.")
    if not typer.confirm("Send it?", default=False, err=True):
        messages.say("nothing was sent")
        raise typer.Exit(0)


def _tried(
    suggestion: Suggestion, planned: Plan, endpoint: Endpoint, wanted: Wanted, *, at_once: int
) -> Replayed:
    """The trial, as far as it came. UsageError where the server answers no call at all."""
    from latprobe.advice.replay.endpoint import Reply
    from latprobe.advice.replay.result import judge
    from latprobe.advice.replay.trial import INTERRUPTED
    from latprobe.advice.replay.trial import run as run_trial
    from latprobe.cli import messages
    from latprobe.clock import wall_ns
    from latprobe.errors import UsageError

    at_ns = wall_ns()
    with messages.progress("Asking", planned.calls) as advance:
        outcome = run_trial(
            planned.recorded, planned.old, planned.new, endpoint, at_once=at_once, on_done=advance
        )
    replies = [each for pair in outcome.pairs for each in (pair.old, pair.new)]
    if outcome.stopped not in (None, INTERRUPTED) and not any(
        isinstance(each, Reply) for each in replies
    ):
        raise UsageError(f"Nothing came of it: {outcome.stopped}.")
    return judge(
        suggestion,
        endpoint,
        outcome,
        old=planned.old,
        new=planned.new,
        recorded=planned.values,
        requests=len(planned.recorded),
        recorded_model=planned.recorded_model,
        margin=wanted.margin,
        at_ns=at_ns,
    )


def _show_and_keep(home: Path, found: Replayed, *, as_json: bool) -> None:
    """Shows it first: it is paid for, and keeping it may fail."""
    from latprobe.advice.replay.kept import keep
    from latprobe.cli import messages, output
    from latprobe.cli.replay_text import print_replayed

    if as_json:
        output.data(found.to_json())
    else:
        print_replayed(found)
    if not keep(home, found):
        messages.say("this trial was stopped before it could tell, so the earlier one stays kept")


def _share(typed: str) -> float:
    """5% as 0.05. UsageError for what is none between 0.5 % and 50 %."""
    from latprobe.errors import UsageError

    try:
        share = float(typed.strip().removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not typed.strip().endswith("%") or not 0.005 <= share <= 0.5:
        raise UsageError(f"--margin is {typed!r}; write a share from 0.5% to 50%, like 5%.")
    return share
