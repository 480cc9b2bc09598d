"""The store's tables, version 4.

Times are integers: `*_ns` nanoseconds, `start_ns` and `time_ns` since the epoch. Not measured is
NULL. `ingest_seq` rises with every ingested batch; `rollups` covers all spans up to
`meta.rolled_seq`, and the view `stage_minutes` adds the rest. `usage`, `prompts`, `call_parts`,
`templates`, `tool_use` and `calibrations` are the token pass's: it has looked at every span up to
`meta.counted_seq`. `gpu_spans` and `kernel_profiles` are of latprobe.store.gpu_schema, `failures`
and `drawn` of latprobe.store.span_copies.
"""

from __future__ import annotations

from latprobe.store.counted_usage import COUNTED_USAGE_VIEW
from latprobe.store.gpu_schema import GPU_TABLES
from latprobe.store.span_copies import COPY_TABLES, COPY_VIEWS
from latprobe.store.token_schema import TOKEN_TABLES

SCHEMA_VERSION = 4

# A span's log-histogram bin: floor(16 * log2(duration_ns)); a bin is 4.4 % wide.
BINS_PER_OCTAVE = 16

TABLES = f"""
CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

CREATE TABLE runs (
    run_id UINTEGER PRIMARY KEY,
    run_uuid UUID NOT NULL UNIQUE,
    service VARCHAR NOT NULL,
    version VARCHAR,
    git_commit VARCHAR,
    host VARCHAR,
    platform VARCHAR,
    python VARCHAR,
    device VARCHAR,
    latprobe VARCHAR,
    argv VARCHAR,
    cwd VARCHAR,
    started_ns BIGINT NOT NULL,
    span_cost_ns DOUBLE,
    dropped BIGINT NOT NULL DEFAULT 0,
    resource JSON
);

CREATE TABLE spans (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    parent_span_id UBIGINT,
    run_id UINTEGER NOT NULL,
    ingest_seq UINTEGER NOT NULL,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL,
    duration_ns BIGINT NOT NULL,
    cpu_ns BIGINT,
    pid UINTEGER,
    thread VARCHAR,
    modality VARCHAR,
    scope VARCHAR,
    remote_parent BOOLEAN,
    status_message VARCHAR,
    error_type VARCHAR,
    operation VARCHAR,
    provider VARCHAR,
    model VARCHAR,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cost_usd DOUBLE,
    ttft_ns BIGINT,
    chunks UINTEGER,
    gap_p50_ns BIGINT,
    gap_p95_ns BIGINT,
    attributes JSON,
    links JSON,
    queue_ns BIGINT,
    prefill_ns BIGINT,
    decode_ns BIGINT
);

CREATE TABLE events (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    attributes JSON
);

{TOKEN_TABLES}
{GPU_TABLES}
{COPY_TABLES}
CREATE TABLE samples (
    time_ns BIGINT NOT NULL,
    source VARCHAR NOT NULL,
    device VARCHAR,
    pid UINTEGER,
    run_id UINTEGER,
    metric VARCHAR NOT NULL,
    value DOUBLE NOT NULL
);

CREATE TABLE rollups (
    minute_ns BIGINT NOT NULL,
    run_id UINTEGER NOT NULL,
    name VARCHAR NOT NULL,
    is_root BOOLEAN NOT NULL,
    bin SMALLINT NOT NULL,
    count UBIGINT NOT NULL,
    errors UBIGINT NOT NULL,
    duration_ns HUGEINT NOT NULL,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cost_usd DOUBLE
);

CREATE TABLE segments (
    name VARCHAR PRIMARY KEY,
    run_id UINTEGER NOT NULL,
    records UINTEGER NOT NULL,
    holes VARCHAR,
    ingested_ns BIGINT NOT NULL
);
"""

# What one rollup row is made of; used to roll up, and by the view for what is not rolled up yet.
ROLLUP_SELECT = f"""
SELECT start_ns // 60000000000 * 60000000000 AS minute_ns,
       run_id,
       name,
       parent_span_id IS NULL AS is_root,
       CASE WHEN duration_ns > 0
            THEN floor({BINS_PER_OCTAVE} * log2(duration_ns))::SMALLINT
            ELSE -1 END AS bin,
       count(*)::UBIGINT AS count,
       count(*) FILTER (status = 'error')::UBIGINT AS errors,
       sum(duration_ns)::HUGEINT AS duration_ns,
       sum(input_tokens)::BIGINT AS input_tokens,
       sum(output_tokens)::BIGINT AS output_tokens,
       sum(cost_usd) AS cost_usd
FROM spans
"""

VIEWS = f"""
CREATE VIEW stage_minutes AS
SELECT * FROM rollups
UNION ALL
{ROLLUP_SELECT}
WHERE ingest_seq > (SELECT value::UINTEGER FROM meta WHERE key = 'rolled_seq')
GROUP BY ALL;
{COUNTED_USAGE_VIEW}
{COPY_VIEWS}
"""

FIRST_META = (
    ("schema_version", str(SCHEMA_VERSION)),
    ("rolled_seq", "0"),
    ("ingest_seq", "0"),
    ("counted_seq", "0"),
    ("copied_seq", "0"),
)
