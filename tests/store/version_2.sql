-- The tables as schema version 2 made them.
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
    origin VARCHAR NOT NULL,
    problem VARCHAR
);

CREATE TABLE prompts (
    hash UUID PRIMARY KEY,
    part VARCHAR NOT NULL,
    tokens BIGINT,
    tokens_estimated BOOLEAN,
    bytes BIGINT NOT NULL,
    text VARCHAR
);

CREATE TABLE call_parts (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    position UINTEGER NOT NULL,
    part VARCHAR NOT NULL,
    hash UUID NOT NULL
);

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

INSERT INTO meta VALUES ('schema_version', '2'), ('rolled_seq', '0'), ('ingest_seq', '0');
