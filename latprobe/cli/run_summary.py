"""The line after `latprobe run`: what was recorded and where to look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from latprobe.cli import figures, messages

if TYPE_CHECKING:
    from latprobe.analysis.report import Report
    from latprobe.analysis.scope import Scope
    from latprobe.analysis.token_totals import TokenReport
    from latprobe.cli.child import ChildRun
    from latprobe.store.reader import Reader

NOTHING_RECORDED = (
    "nothing was recorded. Wrap a step in `with latprobe.stage('name'):`, or name functions with "
    "LATPROBE_STAGES=module:function; the Python that ran must have latprobe installed."
)

FAILED_FIRST = (
    "the program failed (exit code {code}) before anything was recorded; its own words are above. "
    "Once it runs: without stages, wrap a step in `with latprobe.stage('name'):`."
)


def print_summary(child: ChildRun, exit_code: int) -> None:
    """Says on stderr what this run recorded. A store fault is a warning: the program has ended."""
    from latprobe.errors import LatprobeError, NoDataError

    try:
        report = report_of(child)
    except NoDataError:
        messages.warn(FAILED_FIRST.format(code=exit_code) if exit_code else NOTHING_RECORDED)
    except LatprobeError as error:
        messages.warn(f"the program has ended, but what it recorded cannot be shown yet: {error}")
    else:
        messages.say(f"{summary(report)} {next_step(child.home)}")


def summary(report: Report) -> str:
    """One sentence on the run."""
    stats = report.requests
    many = figures.many(stats.count, "request")
    text = f"{many}, p50 {figures.ms(stats.p50_ms)}, p95 {figures.ms(stats.p95_ms)}"
    if stats.errors:
        text += f", {figures.count(stats.errors)} failed"
    if report.stages:
        first = report.stages[0]
        share = figures.percent(first.critical_share)
        text += f"; {first.name} owns {share} of the critical path"
    return text + "."


def next_step(home: Path) -> str:
    """The two commands to go on with, with --home where they would look elsewhere."""
    from latprobe.config import load_settings

    place = "" if load_settings().home == home else f" --home {home}"
    return f"More: latprobe report --run latest{place}, or latprobe dashboard{place}"


def report_of(child: ChildRun) -> Report:
    """The report of this run alone. Raises NoDataError when it recorded nothing, StoreError when
    that cannot be taken in."""
    from latprobe.analysis.report import build_report

    with _run_of(child) as (store, scope):
        return build_report(store.query, scope, max_traces=2000)


def tokens_of(child: ChildRun) -> TokenReport:
    """The models and prompts of this run alone."""
    from latprobe.analysis.token_totals import token_report

    with _run_of(child) as (store, scope):
        return token_report(store.query, scope)


def number_of(child: ChildRun) -> int:
    """This run's number in the store. Raises NoDataError when it recorded nothing."""
    from latprobe.cli.run_lookup import find_run
    from latprobe.store.reader import open_reader

    with open_reader(child.home, start_agent=child.agent) as store:
        return find_run(store.query, child.run_id)


@contextmanager
def _run_of(child: ChildRun) -> Iterator[tuple[Reader, Scope]]:
    """The store with all of this run in it, and the scope that is this run."""
    from latprobe.analysis.scope import Scope
    from latprobe.cli.run_lookup import find_run
    from latprobe.errors import NoDataError, StoreError
    from latprobe.store.reader import open_reader

    with (
        messages.working("Taking in the newest spans"),
        open_reader(child.home, start_agent=child.agent) as store,
    ):
        complete = store.flush(timeout_s=10.0)
        try:
            run_id = find_run(store.query, child.run_id)
        except NoDataError as error:
            reason = None if complete else store.status().not_taken_in
            if reason is None:
                raise
            raise StoreError(reason) from error
        yield store, Scope(run_id=run_id)
