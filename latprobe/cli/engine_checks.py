"""What `latprobe doctor` says about the serving engines of the settings."""

from __future__ import annotations

from collections.abc import Iterator

from latprobe.cli.finding import Finding
from latprobe.config import load_settings
from latprobe_collectors.engines.collector import engine_of
from latprobe_collectors.engines.endpoint import EngineError, fetch, read_endpoint

NAME = "engine"


def engine_findings() -> Iterator[Finding]:
    """One line for each engine that is set; none without."""
    for name, text in load_settings().engines.items():
        try:
            endpoint = read_endpoint(name, text)
            engine = engine_of(fetch(endpoint))
        except EngineError as error:
            yield Finding(NAME, "warn", f"{name}: {error}", "start it, or change `engines`")
            continue
        if engine is None:
            said = f"{name}: {endpoint.url} is not the page of an engine that is known"
            yield Finding(NAME, "warn", said, "see docs/gpu.md for the engines and their pages")
            continue
        calls = ", ".join(endpoint.addresses)
        yield Finding(NAME, "ok", f"{name}: {engine.name}, called at {calls}")
