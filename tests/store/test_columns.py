"""From what a program records to the columns of the store, through the real recorder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from latprobe.store.reader import open_reader

PROGRAM = """
import latprobe, latprobe.auto
from opentelemetry import trace
tracer = trace.get_tracer("vendor.client", "1.0")
with latprobe.stage("request", tag="a"):
    with latprobe.stage("decode", modality="image"):
        pass
    with tracer.start_as_current_span("chat m", kind=trace.SpanKind.CLIENT) as span:
        span.set_attributes({
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
            "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 3, "gen_ai.response.time_to_first_chunk": 0.25})
    with latprobe.stage("llm", modality="audio", model="n", input_tokens=5):
        pass
"""


def test_names_of_any_dialect_become_columns_and_modalities(tmp_path: Path) -> None:
    environment = {**os.environ, "LATPROBE_HOME": str(tmp_path / "s"), "LATPROBE_AGENT": "off"}
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, timeout=60)
    with open_reader(tmp_path / "s", start_agent=False) as reader:
        table = reader.query(
            "SELECT name, modality, scope, kind, operation, provider, model, input_tokens, "
            "output_tokens, ttft_ns FROM spans ORDER BY start_ns"
        )
        usage = reader.query("SELECT stage, model, origin FROM usage ORDER BY start_ns")
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("request", None, None, "internal", None, None, None, None, None, None),
        ("decode", "image", None, "internal", None, None, None, None, None, None),
        (
            "chat m", "text", "vendor.client@1.0", "client", "chat", "openai", "m", 10, 3,
            250_000_000,
        ),
        ("llm", "audio", None, "internal", None, None, "n", 5, None, None),
    ]  # fmt: skip
    assert [tuple(row.values()) for row in usage.to_pylist()] == [
        ("chat m", "m", "provider"),
        ("llm", "n", "stage"),
    ]
