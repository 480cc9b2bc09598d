"""Cards of several machines in one store: what one host calls "0" may be another's "0" too.

A card with a UUID is the same everywhere. Any other name belongs to the host whose rows came first;
of another host it gets that host's name before its own ("node-2/0"), in the counters' readings and
in the event pairs of stages alike. Whose it is stands in `meta`, so that a second import of the
same rows names them the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.store.first_row import first_row

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)
# Keys of `meta`, a row a name.
OWNER = "card:"
_KEYS = ["run_id", "device"]


def with_hosts(
    con: duckdb.DuckDBPyConnection, tables: dict[str, pa.Table], here: str
) -> tuple[dict[str, pa.Table], dict[str, str]]:
    """(the tables with such names in `samples` and `gpu_spans`, whose each new name is).

    `here` is this machine's name: names that are in the store already and no import brought are
    its. Readings of no run in particular are of the folder's only host; of several hosts' nobody
    knows whose they are, and they stay as they are.
    """
    runs = tables["runs"]
    if not {"run_id", "host"} <= set(runs.column_names):
        return tables, {}
    hosts = zip(runs["run_id"].to_pylist(), runs["host"].to_pylist(), strict=True)
    of_run: dict[int | None, str] = {run_id: host for run_id, host in hosts if host}
    known = set(of_run.values())
    if len(known) == 1:
        (of_run[None],) = known
    owners: dict[str, str] = {}
    fresh: dict[str, str] = {}
    found = dict(tables)
    for table in ("gpu_spans", "samples"):  # the first says which run used which card
        for run_id, name in _cards(tables[table]):
            host = of_run.get(run_id)
            if host is None:
                continue
            if name not in owners:
                owners[name] = _owner(con, name, here) or fresh.setdefault(name, host)
            if owners[name] != host and not name.startswith(f"{host}/"):
                found[table] = _renamed(tables[table], found[table], run_id, name, host)
    return found, fresh


def note_owners(con: duckdb.DuckDBPyConnection, owners: dict[str, str]) -> None:
    """Keeps whose these names are, within the import's transaction."""
    for name, host in owners.items():
        con.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING", [f"{OWNER}{name}", host]
        )


def _cards(table: pa.Table) -> Iterator[tuple[int | None, str]]:
    """Each run's (None: no run's) cards without a UUID."""
    if not set(_KEYS) <= set(table.column_names) or not table.num_rows:
        return
    if "metric" in table.column_names:  # an engine's address is no card
        table = table.filter(pc.starts_with(table["metric"], "gpu."))
    for pair in table.select(_KEYS).group_by(_KEYS).aggregate([]).sort_by("device").to_pylist():
        if pair["device"] is not None and not _UUID.search(pair["device"]):
            yield pair["run_id"], pair["device"]


def _owner(con: duckdb.DuckDBPyConnection, name: str, here: str) -> str | None:
    """The host whose card it is in this store, None where no row has that name."""
    noted = first_row(con, "SELECT value FROM meta WHERE key = ?", [f"{OWNER}{name}"])
    if noted is not None:
        return str(noted[0])
    used = first_row(
        con,
        "SELECT min(r.host), count(DISTINCT r.host) FROM gpu_spans g JOIN runs r USING (run_id) "
        "WHERE g.device = ?",
        [name],
    )
    if used is not None and used[1] == 1:
        return str(used[0])
    is_read = first_row(con, "SELECT 1 FROM samples WHERE device = ? LIMIT 1", [name])
    return here if is_read is not None else None


def _renamed(
    given: pa.Table, table: pa.Table, run_id: int | None, name: str, host: str
) -> pa.Table:
    """`table` with the host's name before that of this run's card; `given` has it as it was."""
    run = given["run_id"]
    is_run = pc.is_null(run) if run_id is None else pc.equal(run, run_id)
    rows = pc.and_(pc.fill_null(is_run, fill_value=False), pc.equal(given["device"], name))
    if "metric" in given.column_names:
        rows = pc.and_(rows, pc.starts_with(given["metric"], "gpu."))
    rows = pc.fill_null(rows, fill_value=False)
    device = pc.if_else(rows, f"{host}/{name}", table["device"])
    return table.set_column(table.column_names.index("device"), "device", device)
