"""Turns the pipeline recorded on an H200 into latprobe's own Parquet.

    python sample_traces/convert_h200.py

Reads `h200_multimodal/recorded.json.xz` (30 requests, five stages each, and the GPU's counters
every 14 ms) and writes the Parquet files beside it. The recording has no span around a request;
the root `multimodal.request` reaches from its first stage's start to its last one's end and says so
in its attributes. What was not measured is NULL.
"""

from __future__ import annotations

import json
import lzma
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from latprobe.store.parquet import FORMAT, FORMAT_VERSION

FOLDER = Path(__file__).parent / "h200_multimodal"
RUN_UUID = uuid.UUID("5ca1ab1e-0000-4000-8000-000000000200")
ROOT = "multimodal.request"
DEVICE = "0"
MODALITIES = {
    "image.decode": "image",
    "image.to_gpu": "image",
    "vision.encode": "image",
    "llm.generate": "text",
    "text.embed": "text",
}
# The order of the values in the recording's `samples`, after the time.
GPU_METRICS = (
    "gpu.utilization_pct",
    "gpu.memory_utilization_pct",
    "gpu.memory_used_bytes",
    "gpu.power_mw",
    "gpu.energy_mj",
    "gpu.sm_clock_mhz",
)


def main() -> None:
    """Writes the folder and says how much it holds."""
    recorded = json.loads(lzma.decompress((FOLDER / "recorded.json.xz").read_bytes()))
    tables = {
        "runs": runs(recorded["spans"]),
        "spans": spans(recorded["spans"]),
        "usage": usage(recorded["spans"]),
        "samples": samples(recorded["samples"]),
        "gpu_spans": gpu_spans(recorded["spans"]),
    }
    rows = {}
    for name, table in tables.items():
        pq.write_table(table, FOLDER / f"{name}.parquet", compression="zstd")
        rows[name] = table.num_rows
    manifest = {"format": FORMAT, "version": FORMAT_VERSION, "created_ns": 0, "rows": rows}
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    print(rows)


def runs(recorded: list[dict[str, Any]]) -> pa.Table:
    """The one run: what was told of the machine."""
    return pa.Table.from_pylist(
        [
            {
                "run_id": 1,
                "run_uuid": RUN_UUID.hex,
                "service": "h200-multimodal",
                "host": "NVIDIA H200 host, 16 cores",
                "device": "NVIDIA H200",
                "started_ns": min(span["start_ns"] for span in recorded),
                "dropped": 0,
            }
        ]
    )


def spans(recorded: list[dict[str, Any]]) -> pa.Table:
    """A root a request and its five stages."""
    requests: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for span in recorded:
        requests[span["req"]].append(span)
    rows = []
    for number, stages in requests.items():
        rows.append(_root(number, stages))
        rows.extend(_stage(number, place, span) for place, span in enumerate(stages, 1))
    return pa.Table.from_pylist(rows, schema=_SPAN_SCHEMA)


def usage(recorded: list[dict[str, Any]]) -> pa.Table:
    """One row a generation; the recording has no cache figures."""
    place = {name: index for index, name in enumerate(MODALITIES, 1)}
    rows = [
        {
            "trace_id": _trace_id(span["req"]),
            "span_id": _span_id(span["req"], place[span["name"]]),
            "run_id": 1,
            "start_ns": span["start_ns"],
            "stage": span["name"],
            "model": "llama-16x2048-random",
            "input_tokens": span["input_tokens"],
            "output_tokens": span["output_tokens"],
            "origin": "stage",
        }
        for span in recorded
        if "output_tokens" in span
    ]
    return pa.Table.from_pylist(rows)


def gpu_spans(recorded: list[dict[str, Any]]) -> pa.Table:
    """The event pair around each stage, which was synchronised before it began. The first run of
    each stage is cold: it loads kernels and libraries."""
    place = {name: index for index, name in enumerate(MODALITIES, 1)}
    first = min(span["req"] for span in recorded)
    rows = [
        {
            "trace_id": _trace_id(span["req"]),
            "span_id": _span_id(span["req"], place[span["name"]]),
            "run_id": 1,
            "device": DEVICE,
            "gpu_start_ns": span["start_ns"],
            "gpu_ns": round(span["cuda_ms"] * 1e6),
            "is_cold": span["req"] == first,
        }
        for span in recorded
    ]
    return pa.Table.from_pylist(rows)


def samples(recorded: list[list[float]]) -> pa.Table:
    """One row a reading that changed: the counters hold their value for 100 to 200 ms."""
    rows = []
    last: dict[str, float] = {}
    for time_ns, *values in recorded:
        for metric, value in zip(GPU_METRICS, values, strict=True):
            if value is None or last.get(metric) == value:
                continue
            last[metric] = value
            rows.append(
                {
                    "time_ns": int(time_ns),
                    "source": "gpu",
                    "device": DEVICE,
                    "pid": None,
                    "run_id": 1,
                    "metric": metric,
                    "value": float(value),
                }
            )
    return pa.Table.from_pylist(rows, schema=_SAMPLE_SCHEMA)


def _root(number: int, stages: list[dict[str, Any]]) -> dict[str, Any]:
    start = min(span["start_ns"] for span in stages)
    return {
        **_identity(number, 0),
        "parent_span_id": None,
        "name": ROOT,
        "start_ns": start,
        "duration_ns": max(span["end_ns"] for span in stages) - start,
        "attributes": json.dumps({"inferred": "from its first stage's start to its last's end"}),
    }


def _stage(number: int, place: int, span: dict[str, Any]) -> dict[str, Any]:
    return {
        **_identity(number, place),
        "parent_span_id": _span_id(number, 0),
        "name": span["name"],
        "start_ns": span["start_ns"],
        "duration_ns": span["end_ns"] - span["start_ns"],
        "cpu_ns": round(span["cpu_ms"] * 1e6),
        "modality": MODALITIES[span["name"]],
        "model": "llama-16x2048-random" if span["name"] == "llm.generate" else None,
        "input_tokens": span.get("input_tokens"),
        "output_tokens": span.get("output_tokens"),
        "attributes": json.dumps(
            {key: span[key] for key in ("host_ms", "cuda_ms", "bytes") if key in span}
        ),
    }


def _identity(number: int, place: int) -> dict[str, Any]:
    return {
        "trace_id": _trace_id(number),
        "span_id": _span_id(number, place),
        "run_id": 1,
        "kind": "internal",
        "status": "unset",
    }


def _trace_id(number: int) -> str:
    return uuid.uuid5(RUN_UUID, f"request-{number}").hex


def _span_id(number: int, place: int) -> str:
    return f"{0x0200_0000_0000_0000 + number * 16 + place:016x}"


_SAMPLE_SCHEMA = pa.schema(
    [
        ("time_ns", pa.int64()),
        ("source", pa.string()),
        ("device", pa.string()),
        ("pid", pa.uint32()),
        ("run_id", pa.int64()),
        ("metric", pa.string()),
        ("value", pa.float64()),
    ]
)

_SPAN_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_span_id", pa.string()),
        ("run_id", pa.int64()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("status", pa.string()),
        ("start_ns", pa.int64()),
        ("duration_ns", pa.int64()),
        ("cpu_ns", pa.int64()),
        ("modality", pa.string()),
        ("model", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("attributes", pa.string()),
    ]
)


if __name__ == "__main__":
    main()
