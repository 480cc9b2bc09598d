"""Stages as Prometheus text: histograms of durations, counts, errors, tokens, the last samples.

From `stage_minutes`, so that a scrape costs milliseconds at any number of spans. Pruning lowers the
counters, which Prometheus reads as a restart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from latprobe.store.query import Query
from latprobe.store.schema import BINS_PER_OCTAVE

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Bounds are whole octaves of ns, where the store's bins end too: from 65.5 us to 137 s.
OCTAVES = range(16, 38)
# Older samples say nothing about now.
SAMPLE_AGE_NS = 60 * 1_000_000_000

_STAGES = """
SELECT r.service, m.name AS stage, m.bin, sum(m.count)::BIGINT AS count,
       sum(m.errors)::BIGINT AS errors, sum(m.duration_ns)::DOUBLE / 1e9 AS seconds
FROM stage_minutes m JOIN runs r USING (run_id) GROUP BY ALL ORDER BY ALL
"""
_TOKENS = """
SELECT r.service, u.stage, sum(u.input_tokens)::BIGINT AS input_tokens,
       sum(u.output_tokens)::BIGINT AS output_tokens, sum(u.cost_usd) AS cost_usd
FROM counted_usage u JOIN runs r USING (run_id) GROUP BY ALL ORDER BY ALL
"""
_SAMPLES = f"""
SELECT source, device, pid, metric, arg_max(value, time_ns) AS value FROM samples
WHERE time_ns > (SELECT max(time_ns) FROM samples) - {SAMPLE_AGE_NS}
GROUP BY ALL ORDER BY metric, source, device, pid
"""
_DROPPED = (
    "SELECT service, sum(dropped)::BIGINT AS dropped FROM runs GROUP BY service ORDER BY service"
)


@dataclass(slots=True)
class _Stage:
    """One stage of one service: counts by bin and sums; a sum is None where nothing was said."""

    bins: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    errors: int = 0
    sums: dict[str, float | None] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(self.bins.values())

    def below(self, octave: int) -> int:
        """Spans of at most 2**octave ns; a span of exactly that counts in the next bucket."""
        return sum(count for bin_, count in self.bins.items() if bin_ < octave * BINS_PER_OCTAVE)


_SUMS = {
    "input_tokens": ("latprobe_stage_input_tokens_total", "Input tokens, cached ones included."),
    "output_tokens": ("latprobe_stage_output_tokens_total", "Output tokens."),
    "cost_usd": ("latprobe_stage_cost_usd_total", "Cost in USD: reported, else by price."),
}


def metrics_text(query: Query) -> str:
    """The page."""
    return "\n".join([*_stage_lines(_read(query)), *_dropped_lines(query), *_samples(query), ""])


def _read(query: Query) -> dict[tuple[str, str], _Stage]:
    stages: dict[tuple[str, str], _Stage] = defaultdict(_Stage)
    for row in query(_STAGES).to_pylist():
        stage = stages[row["service"], row["stage"]]
        stage.bins[row["bin"]] = stage.bins.get(row["bin"], 0) + row["count"]
        stage.seconds += row["seconds"]
        stage.errors += row["errors"]
    for row in query(_TOKENS).to_pylist():
        stages[row["service"], row["stage"]].sums = {name: row[name] for name in _SUMS}
    return stages


def _stage_lines(stages: Mapping[tuple[str, str], _Stage]) -> Iterator[str]:
    name = "latprobe_stage_duration_seconds"
    yield from _about(name, "histogram", "How long the stage's runs took.")
    for (service, stage), found in stages.items():
        said = {"service": service, "stage": stage}
        for octave in OCTAVES:
            bound = _number(2**octave / 1e9)
            yield f"{name}_bucket{_labels(**said, le=bound)} {found.below(octave)}"
        yield f"{name}_bucket{_labels(**said, le='+Inf')} {found.count}"
        yield f"{name}_sum{_labels(**said)} {_number(found.seconds)}"
        yield f"{name}_count{_labels(**said)} {found.count}"
    errors = "latprobe_stage_errors_total"
    yield from _about(errors, "counter", "Runs of the stage that ended in an error.")
    for (service, stage), found in stages.items():
        yield f"{errors}{_labels(service=service, stage=stage)} {found.errors}"
    for column, (name, text) in _SUMS.items():
        yield from _about(name, "counter", text)
        for (service, stage), found in stages.items():
            value = found.sums.get(column)
            if value is not None:
                yield f"{name}{_labels(service=service, stage=stage)} {_number(value)}"


def _dropped_lines(query: Query) -> Iterator[str]:
    name = "latprobe_spans_dropped_total"
    yield from _about(name, "counter", "Spans that never reached the journal.")
    for row in query(_DROPPED).to_pylist():
        yield f"{name}{_labels(service=row['service'])} {row['dropped']}"


def _samples(query: Query) -> Iterator[str]:
    """The newest reading of each counter; the unit is in its name."""
    last = None
    for row in query(_SAMPLES).to_pylist():
        name = "latprobe_" + re.sub(r"[^a-zA-Z0-9_]", "_", row["metric"])
        if name != last:
            yield from _about(name, "gauge", f"The last reading of {row['metric']}.")
            last = name
        said = {"device": row["device"], "pid": row["pid"]}
        labels = {key: str(value) for key, value in said.items() if value is not None}
        yield f"{name}{_labels(**labels)} {_number(row['value'])}"


def _about(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {_escaped(text)}"
    yield f"# TYPE {name} {kind}"


def _labels(**values: str) -> str:
    if not values:
        return ""
    pairs = (f'{name}="{_quoted(value)}"' for name, value in values.items())
    return "{" + ",".join(pairs) + "}"


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
