"""`latprobe prune`: old data leaves the store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import figures, options

if TYPE_CHECKING:
    from latprobe.store.reader import Reader

DAY_NS = 86_400_000_000_000


def add_to(app: typer.Typer) -> None:
    app.command("prune")(prune)


def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Remove what is older: 30d, 12h.")
    ] = "30d",
    max_size: Annotated[
        str, typer.Option("--max-size", metavar="SIZE", help="Then the oldest until it fits.")
    ] = "10GB",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Remove old requests from the store. What was imported is as old as its import."""
    from latprobe.cli import messages, output
    from latprobe.cli.moments import parse_size, parse_span
    from latprobe.cli.open_store import open_store

    age_ns = parse_span(older_than, option="--older-than")
    max_bytes = parse_size(max_size, option="--max-size")
    with open_store(home) as store:
        if dry_run:
            _print_plan(plan(store, age_ns, max_bytes), as_json=as_json)
            return
        with messages.working("Removing old requests"):
            done = store.prune(days=age_ns / DAY_NS, max_bytes=max_bytes)
    if as_json:
        output.data(asdict(done))
    else:
        output.line(
            f"{figures.many(done.spans, 'span')}, {figures.many(done.samples, 'sample')} and "
            f"{figures.many(done.runs, 'run')} removed; the database has "
            f"{figures.size(done.bytes_after)}, before {figures.size(done.bytes_before)}"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a prune would do. Only the share that is over the size is estimated."""

    spans: int
    spans_by_age: int
    spans_by_size_estimated: int
    db_bytes: int


def plan(store: Reader, age_ns: int, max_bytes: int) -> Plan:
    """Counts, without removing anything."""
    from latprobe.clock import wall_ns
    from latprobe.store.imported_runs import imported_since

    status = store.status()
    oldest = wall_ns() - age_ns
    old = store.query(
        "SELECT count(*) FROM spans WHERE start_ns < ? "
        f"AND run_id NOT IN ({imported_since(oldest)})",
        [oldest],
    )
    by_age = int(old.column(0)[0].as_py())
    keep = min(1.0, max_bytes / max(status.db_bytes, 1))
    beyond = max(0, status.spans - by_age - int(status.spans * keep))
    return Plan(status.spans, by_age, beyond, status.db_bytes)


def _print_plan(planned: Plan, *, as_json: bool) -> None:
    from latprobe.cli import output

    if as_json:
        output.data(asdict(planned))
        return
    output.line(
        f"Would remove {figures.count(planned.spans_by_age)} of {figures.count(planned.spans)} "
        f"spans by age and about {figures.count(planned.spans_by_size_estimated)} by size "
        f"(estimated; the database has {figures.size(planned.db_bytes)}). Nothing was removed."
    )
