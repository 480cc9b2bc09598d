"""Tables of what is known of the GPU for single spans.

`gpu_spans` has one row for a run of a stage of which something was noted: `gpu_start_ns` is when
its work began on the GPU (wall clock), `gpu_ns` the time between its two events, gaps included,
`gpu_lag_ns` how much later the GPU ended than the host. `kernel_profiles` has one for each stage of
a request whose kernels were recorded: `wall_ns` is its own time (on the GPU where that lasted
longer), `busy_ns` the union of its kernels. `trace_path` is relative to the store's folder.
"""

from __future__ import annotations

GPU_TABLES = """
CREATE TABLE gpu_spans (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    run_id UINTEGER NOT NULL,
    device VARCHAR,
    gpu_start_ns BIGINT,
    gpu_ns BIGINT,
    gpu_lag_ns BIGINT,
    sync_wait_ns BIGINT,
    sync_waits UINTEGER,
    h2d_bytes BIGINT,
    d2h_bytes BIGINT,
    copies UINTEGER,
    alloc_delta_bytes BIGINT,
    alloc_peak_bytes BIGINT,
    is_cold BOOLEAN
);

CREATE TABLE kernel_profiles (
    trace_id UUID NOT NULL,
    span_id UBIGINT NOT NULL,
    run_id UINTEGER NOT NULL,
    stage VARCHAR NOT NULL,
    wall_ns BIGINT NOT NULL,
    busy_ns BIGINT NOT NULL,
    kernels UINTEGER NOT NULL,
    launch_gap_ns BIGINT,
    copy_ns BIGINT,
    copy_bytes BIGINT,
    top JSON,
    profile_cost_ns BIGINT,
    trace_path VARCHAR
);
"""
