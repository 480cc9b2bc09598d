"""The attributes that a program or an instrumentation set on its spans, as columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latprobe.analysis.cohorts.attributes import Attribute, category, number, of_texts
from latprobe.analysis.cohorts.quantities import is_identifier, is_quantity
from latprobe.analysis.cohorts.units import Source, Units
from latprobe.otel import names
from latprobe.store.query import Query

# So many attributes at most, those that most spans have; spans looked at to find them.
MOST_ATTRIBUTES = 40
_SAMPLE = 100
# A value longer than this is a text, not a property.
_LONGEST = 64

# What columns say already, or what is different in every request.
_KNOWN = frozenset(
    name
    for table in (names.TEXT_NAMES, names.COUNT_NAMES, names.SECOND_NAMES, names.MILLISECOND_NAMES)
    for each in table.values()
    for name in each
) | frozenset(names.COST_NAMES)
# Last words of names that hold what people wrote and models answered: no properties.
_TEXTS = frozenset(
    [
        "arguments",
        "completion",
        "content",
        "documents",
        "input",
        "message",
        "messages",
        "output",
        "prompt",
        "query",
        "result",
        "text",
        "value",
    ]
)
# What a path into JSON cannot hold, in quotes either.
_NOT_IN_PATHS = frozenset('"\\*')
_INTERNAL = ("latprobe.", "gen_ai.response.id", "otel.")


def span_attributes(query: Query, source: Source, units: Units) -> Iterator[Attribute | None]:
    """Each attribute as "stage: key", as "key" where one stage is asked about.

    Of several spans of a stage in one request quantities are added up, of other numbers the
    greatest counts, of identifiers the set, of texts the first (see `quantities`).
    """
    for stage, keys in _keys(query, source).items():
        yield from _of_stage(query, source, units, stage, keys)


def _keys(query: Query, source: Source) -> dict[str, list[str]]:
    """The keys to look at, by stage."""
    rows = query(
        f"""{source.ctes}, looked_at AS (
            SELECT s.name, s.trace_id, s.span_id, s.start_ns FROM spans s
            WHERE {source.inside} AND s.attributes IS NOT NULL
            QUALIFY row_number() OVER (PARTITION BY s.name ORDER BY hash(s.span_id)) <= {_SAMPLE})
        SELECT s.name, s.key, count(*) AS spans FROM (
            SELECT s.name, unnest(json_keys(s.attributes)) AS key FROM spans s
            JOIN looked_at o ON o.trace_id = s.trace_id AND o.span_id = s.span_id
            WHERE json_type(s.attributes) = 'OBJECT') s
        GROUP BY ALL ORDER BY spans DESC, s.name, s.key""",
        source.parameters,
    ).to_pylist()
    found: dict[str, list[str]] = {}
    kept = 0
    for row in rows:
        if kept < MOST_ATTRIBUTES and _is_property(row["key"]):
            found.setdefault(row["name"], []).append(row["key"])
            kept += 1
    return found


def _is_property(key: str) -> bool:
    return (
        key != ""
        and key.isprintable()
        and not _NOT_IN_PATHS & set(key)
        and key not in _KNOWN
        and not key.startswith(_INTERNAL)
        and key.rsplit(".", 1)[-1] not in _TEXTS
    )


def _of_stage(
    query: Query, source: Source, units: Units, stage: str, keys: list[str]
) -> Iterator[Attribute | None]:
    texts_sql = ", ".join(
        f"string_agg(DISTINCT v[{at}], ' + ' ORDER BY v[{at}]) AS t{at}"
        if is_identifier(key)
        else f"arg_min(v[{at}], s.start_ns) AS t{at}"
        for at, key in enumerate(keys, 1)
    )
    numbers = ", ".join(
        f"{'sum' if is_quantity(key) else 'max'}(try_cast(v[{at}] AS DOUBLE)) AS n{at}, "
        f"count(v[{at}]) = count(try_cast(v[{at}] AS DOUBLE)) AS is_number{at}"
        for at, key in enumerate(keys, 1)
    )
    table = query(
        f"""{source.ctes} SELECT {source.key} AS key, {texts_sql}, {numbers} FROM (
            SELECT s.trace_id, s.span_id, s.start_ns,
                   json_extract_string(s.attributes, string_split(?, chr(31))) AS v
            FROM spans s WHERE s.name = ? AND s.attributes IS NOT NULL AND {source.inside}) s
        GROUP BY {source.group}""",
        [*source.parameters, "\x1f".join(f'$."{key}"' for key in keys), stage],
    )
    rows = units.aligned(table)
    if not table.num_rows:
        return
    for at, key in enumerate(keys, 1):
        name = key if source.is_stage else f"{stage}: {key}"
        is_number = np.all(table[f"is_number{at}"].to_numpy(zero_copy_only=False))
        if is_number and not is_identifier(key):
            values = np.asarray(table[f"n{at}"].to_numpy()).astype(np.float64)
            yield number(name, np.where(rows >= 0, values[rows], np.nan))
            continue
        texts = table[f"t{at}"].to_pylist()
        picked = [texts[row] if row >= 0 else None for row in rows.tolist()]
        if all(text is None or len(text) <= _LONGEST for text in picked):
            yield category(name, picked) if is_identifier(key) else of_texts(name, picked)
