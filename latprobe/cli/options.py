"""Options that several commands share, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from latprobe.analysis.scope import Scope
    from latprobe.config import Settings
    from latprobe.store.query import Query

Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="FOLDER", help="Store folder, instead of LATPROBE_HOME."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Service = Annotated[
    str | None, typer.Option("--service", metavar="NAME", help="Only this service.")
]
Run = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="Only this run: `latest`, a number or an id."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="Only what started since: 30m, 1h, 2d or 2026-11-01."),
]
Until = Annotated[
    str | None, typer.Option(metavar="WHEN", help="Only what started before: the same forms.")
]


@dataclass(frozen=True, slots=True)
class Filters:
    """The common filters as typed on the command line."""

    service: str | None = None
    run: str | None = None
    since: str | None = None
    until: str | None = None

    def check(self) -> None:
        """Raises UsageError now, before anything is opened, for a time that is not one."""
        self._window()

    def scope(self, query: Query) -> Scope:
        """The filters as a Scope; `query` looks a run up. Raises NoDataError for an unknown run."""
        from latprobe.analysis.scope import Scope
        from latprobe.cli.run_lookup import find_run

        from_ns, to_ns = self._window()
        run_id = find_run(query, self.run, service=self.service) if self.run else None
        return Scope(service=self.service, run_id=run_id, from_ns=from_ns, to_ns=to_ns)

    def _window(self) -> tuple[int | None, int | None]:
        from latprobe.cli.moments import parse_moment
        from latprobe.clock import wall_ns
        from latprobe.errors import UsageError

        now = wall_ns()
        from_ns = parse_moment(self.since, option="--since", now_ns=now) if self.since else None
        to_ns = parse_moment(self.until, option="--until", now_ns=now) if self.until else None
        if from_ns is not None and to_ns is not None and from_ns >= to_ns:
            raise UsageError("--since is not before --until, so nothing can lie between them.")
        return from_ns, to_ns


def settings_for(home: Path | None) -> Settings:
    """The settings in force with the command line's --home first."""
    from latprobe.config import load_settings

    return load_settings(home=str(home) if home is not None else None)
