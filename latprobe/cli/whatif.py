"""`latprobe whatif`: what the recorded requests would take with a change."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from latprobe.cli import options

TYPED = "latprobe.typed"

# No figure was given: as with a window in which nothing is recorded.
REFUSED = 3

_Stages = Annotated[
    list[str] | None,
    typer.Option(
        "--stage",
        metavar="NAME",
        help="The stage to change. Give it again with another change for both together.",
    ),
]
_Scale = Annotated[
    list[float] | None,
    typer.Option(metavar="F", help="It takes F times as long, with everything below it."),
]
_Remove = Annotated[
    int, typer.Option("--remove", count=True, help="It takes no time.", show_default=False)
]
_ParallelWith = Annotated[
    list[str] | None,
    typer.Option(metavar="OTHER", help="It starts together with OTHER, not in turn."),
]
_OutputTokens = Annotated[
    list[str] | None,
    typer.Option(metavar="CHANGE", help="-50% or a limit such as 200, through the tokens."),
]
_InputTokens = Annotated[
    list[str] | None, typer.Option(metavar="CHANGE", help="-80%, through the tokens.")
]
_CacheHit = Annotated[
    list[float] | None,
    typer.Option(metavar="RATIO", help="This share of its calls (0 to 1) takes no time."),
]
_Replicas = Annotated[
    list[int] | None, typer.Option(metavar="N", help="It runs on N workers at once.")
]
_Concurrency = Annotated[
    int | None, typer.Option(metavar="N", help="At most N requests at once; no stage needed.")
]
_Batch = Annotated[
    list[int] | None,
    typer.Option(metavar="N", help="What a request sends to it goes N at once."),
]
_MaxTraces = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Replay at most N requests.")
]


class OrderedCommand(TyperCommand):
    """Keeps the arguments as typed: a change belongs to the --stage before it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[TYPED] = list(args)
        return super().parse_args(ctx, args)


def add_to(app: typer.Typer) -> None:
    app.command("whatif", cls=OrderedCommand)(whatif)


def whatif(
    context: typer.Context,
    stage: _Stages = None,
    scale: _Scale = None,
    remove: _Remove = 0,
    parallel_with: _ParallelWith = None,
    output_tokens: _OutputTokens = None,
    input_tokens: _InputTokens = None,
    cache_hit: _CacheHit = None,
    replicas: _Replicas = None,
    concurrency: _Concurrency = None,
    batch: _Batch = None,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    max_traces: _MaxTraces = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> int:
    """Predict what requests would take with a stage changed.

    Several changes at once: each --stage goes with the changes that follow it, for example
    --stage llm --scale 0.5 --stage search --remove.
    """
    from latprobe.analysis.whatif import predict
    from latprobe.analysis.whatif.checks import impossible
    from latprobe.cli import messages, output
    from latprobe.cli.open_store import open_store
    from latprobe.cli.whatif_changes import changes_of
    from latprobe.cli.whatif_text import print_prediction
    from latprobe.errors import UsageError

    changes = changes_of(context.meta[TYPED])
    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store, messages.working("Replaying the requests"):
        found = predict(store.query, changes, filters.scope(store.query), max_traces=max_traces)
    if as_json:
        output.data(found.to_json())
    elif found.refused is None:
        print_prediction(found, changes)
    if found.refused is not None:
        messages.fail(found.refused)
        return UsageError.exit_code if impossible(changes) else REFUSED
    return 0
