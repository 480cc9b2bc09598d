"""`latprobe demo`: the example pipeline, recorded, and its report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from latprobe.cli import options

# What the example imports beyond latprobe itself: module and the name that pip knows.
EXAMPLE_NEEDS = {"openai": "openai", "PIL": "pillow", "numpy": "numpy"}


def add_to(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="How long the example sends requests.")
    ] = 15,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Requests at the same time.")
    ] = 4,
    dashboard: Annotated[
        bool | None,
        typer.Option(
            "--dashboard/--no-dashboard", help="Open the dashboard; by default on a terminal."
        ),
    ] = None,
    home: options.Home = None,
) -> None:
    """Record the example pipeline (document questions), print its report, open the dashboard.

    It uses a store of its own beside yours, so that nothing mixes; --home names another.
    """
    from latprobe.cli import messages
    from latprobe.cli.child import ChildRun, run_child
    from latprobe.cli.demo_files import find_example, load_samples, require_packages
    from latprobe.cli.report_text import print_report
    from latprobe.cli.run_summary import number_of, report_of, tokens_of

    example = find_example()
    require_packages(EXAMPLE_NEEDS)
    store = home.absolute() if home is not None else demo_home()
    messages.say(f"the demo's store is {store}")
    samples = load_samples(store)
    child = ChildRun.create(home=store, service=None, agent=options.settings_for(store).agent)
    messages.say(f"running {example} for {seconds:g} s, {concurrency} requests at a time")
    command = [sys.executable, str(example), "--seconds", f"{seconds:g}"]
    code = run_child([*command, "--concurrency", str(concurrency)], child)
    if code != 0:
        messages.fail(f"the example ended with exit code {code}; its own words are above.")
        raise typer.Exit(code)
    print_report(report_of(child), tokens_of(child))
    run = number_of(child)
    _tell_next(store, run, samples)
    _offer_dashboard(store, run, dashboard)


def demo_home() -> Path:
    """A folder beside the store in force."""
    home = options.settings_for(None).home
    return home.with_name(f"{home.name}-demo")


def _tell_next(store: Path, run: int, samples: int) -> None:
    """How to ask on about this run alone, and what else is in the store."""
    from latprobe.cli import figures, messages

    messages.say(
        f"what to change in this run: latprobe advise --home {shlex.quote(str(store))} --run {run}"
    )
    if samples:
        messages.say(
            f"{figures.many(samples, 'sample recording')} of other pipelines "
            f"{'is' if samples == 1 else 'are'} in this store too; without --run, or with "
            "another run chosen in the dashboard's head, you see them."
        )


def _offer_dashboard(store: Path, run: int, wanted: bool | None) -> None:
    from latprobe.cli import messages
    from latprobe.cli.dashboard import has_extra, serve_dashboard

    if wanted is None:
        wanted = sys.stdout.isatty() and has_extra()
    if wanted:
        serve_dashboard(
            store, host="127.0.0.1", port=None, open_browser=True, filters={"run": str(run)}
        )
    else:
        messages.say(
            f"see it in a browser, on http://127.0.0.1:8788/?run={run}: "
            f"latprobe dashboard --home {shlex.quote(str(store))} --run {run}"
        )
