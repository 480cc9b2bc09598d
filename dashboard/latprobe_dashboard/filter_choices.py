"""What the filters offer beyond runs: the stages, models and attributes that were recorded."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.store.query import Query

STAGES, MODELS, TAGS = 300, 100, 400
# Attributes are offered as far as the newest spans have them; any other can be typed.
NEWEST_SPANS = 4_000
# An attribute with more values than that is no tag but an id or a text.
TAG_VALUES, TAG_CHARS = 40, 80
NAME_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """Names in the order of how often they occur; a tag is NAME=VALUE."""

    stages: tuple[str, ...]
    models: tuple[str, ...]
    tags: tuple[str, ...]


def read_choices(query: Query) -> FilterChoices:
    """What can be chosen, each kind bounded."""
    return FilterChoices(
        stages=_names(query, "name", "stage_minutes", "sum(count)", STAGES),
        models=_names(query, "model", "spans", "count(*)", MODELS),
        tags=_tags(query),
    )


def _names(query: Query, column: str, table: str, often: str, limit: int) -> tuple[str, ...]:
    rows = query(
        f"SELECT {column} AS name FROM {table} WHERE {column} <> '' AND"
        f" length({column}) <= {NAME_CHARS} GROUP BY {column} ORDER BY {often} DESC, 1"
        f" LIMIT {limit}"
    )
    return tuple(rows["name"].to_pylist())


def _tags(query: Query) -> tuple[str, ...]:
    rows = query(
        f"""
        WITH newest AS (
            SELECT s.attributes FROM spans s WHERE s.attributes IS NOT NULL
            ORDER BY s.start_ns DESC LIMIT {NEWEST_SPANS}
        ), named AS (SELECT attributes, unnest(json_keys(attributes)) AS name FROM newest),
        valued AS (
            SELECT name, json_extract_string(
                attributes, '/' || replace(replace(name, '~', '~0'), '/', '~1')) AS value
            FROM named WHERE name <> '' AND NOT contains(name, '=') AND length(name) <= {TAG_CHARS}
        ), short AS (
            SELECT name FROM valued GROUP BY name
            HAVING max(length(value)) <= {TAG_CHARS} AND count(DISTINCT value) <= {TAG_VALUES}
        )
        SELECT v.name || '=' || v.value AS tag FROM valued v SEMI JOIN short USING (name)
        WHERE v.value IS NOT NULL AND trim(v.value) = v.value
        GROUP BY v.name, v.value ORDER BY v.name, count(*) DESC, v.value LIMIT {TAGS}
        """
    )
    return tuple(rows["tag"].to_pylist())
