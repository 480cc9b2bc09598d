"""Tables of what the token pass finds: usage of each model call, its parts, its templates.

Counts are tokens; NULL is not measured.
"""

from __future__ import annotations

# What version 3 adds to `usage`.
USAGE_3 = (
    ("tool_tokens", "BIGINT"),
    ("text_input_tokens", "BIGINT"),
    ("image_input_tokens", "BIGINT"),
    ("audio_input_tokens", "BIGINT"),
    ("total_tokens", "BIGINT"),
    ("input_origin", "VARCHAR"),
    ("output_origin", "VARCHAR"),
    ("counted_input_tokens", "BIGINT"),
    ("counted_output_tokens", "BIGINT"),
    ("overhead_tokens", "BIGINT"),
    ("residual_input_tokens", "BIGINT"),
    ("residual_output_tokens", "BIGINT"),
    ("encoding", "VARCHAR"),
    ("is_exact", "BOOLEAN"),
    ("expected_error", "DOUBLE"),
    ("cost_origin", "VARCHAR"),
    ("template_id", "UUID"),
    ("format", "VARCHAR"),
    ("tools_offered", "INTEGER"),
    ("tools_called", "INTEGER"),
    ("stops_early", "BOOLEAN"),
    ("content_problem", "VARCHAR"),
)

# What the token pass writes beside `usage`. A hash is once in `prompts`, and a template once,
# because the pass asks before it adds: a key would cost memory for each row, and refuse what a
# prune has just removed while an older query still runs.
PART_TABLES = """
CREATE TABLE prompts (
    hash UUID NOT NULL,
    part VARCHAR NOT NULL,
    bytes BIGINT,
    characters BIGINT,
    text VARCHAR,
    truncated BOOLEAN NOT NULL,
    media JSON
);

CREATE TABLE call_parts (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    position UINTEGER NOT NULL,
    side VARCHAR NOT NULL,
    part VARCHAR NOT NULL,
    role VARCHAR,
    name VARCHAR,
    hash UUID,
    tokens BIGINT,
    tokens_estimated BOOLEAN
);

CREATE TABLE templates (
    template_id UUID NOT NULL,
    name VARCHAR,
    stage VARCHAR,
    source VARCHAR NOT NULL,
    text VARCHAR,
    first_seen_ns BIGINT NOT NULL,
    state JSON
);

CREATE TABLE tool_use (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    name VARCHAR NOT NULL,
    offered BOOLEAN NOT NULL,
    called BOOLEAN NOT NULL
);

CREATE TABLE calibrations (
    provider VARCHAR,
    model VARCHAR NOT NULL,
    family VARCHAR,
    calls BIGINT NOT NULL,
    ratio DOUBLE,
    error DOUBLE,
    state JSON
);
"""

_added = ", ".join(" ".join(column) for column in USAGE_3)

# Version 2's columns first, so that a migrated store has the columns of a new one in their order.
TOKEN_TABLES = f"""
CREATE TABLE usage (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    run_id UINTEGER NOT NULL,
    start_ns BIGINT NOT NULL,
    stage VARCHAR NOT NULL,
    provider VARCHAR,
    model VARCHAR,
    operation VARCHAR,
    input_tokens BIGINT,
    uncached_input_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    cost_usd DOUBLE,
    origin VARCHAR,
    problem VARCHAR,
    {_added}
);
{PART_TABLES}
"""
