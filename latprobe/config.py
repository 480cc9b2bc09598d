"""Settings: one dataclass, filled from the call, the environment and `[tool.latprobe]`.

docs/settings.md is the table of them for users.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from latprobe.delay_rule import DelayRule
from latprobe.errors import UsageError
from latprobe.setting_values import Redaction, StageRule, parse

__all__ = ["Redaction", "Settings", "StageRule", "default_home", "load_settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What one process records, and where to. `home` is the store's folder.

    `redact` are regular expressions, `redact_with` a function or its "module:function"; `prices`,
    `tokenizers` and `engines` (name to the URL of its metrics) are tables that the agent reads.
    `kernels` is the share of requests whose GPU kernels are recorded. `delay` is the experiment of
    latprobe.probe.
    """

    home: Path
    service: str | None = None
    version: str | None = None
    agent: bool = True
    content: str = "local"
    redact: tuple[str, ...] = ()
    redact_with: str | Redaction | None = None
    content_max_bytes: int = 1 << 20
    thumbnails: bool = False
    prices: Mapping[str, Any] = field(default_factory=dict)
    tokenizers: Mapping[str, str] = field(default_factory=dict)
    instrument: tuple[str, ...] = ("*",)
    skip_instrument: tuple[str, ...] = ()
    stages: tuple[StageRule, ...] = ()
    segment_bytes: int = 4 << 20
    kernels: float = 0.0
    delay: DelayRule | None = None
    agent_idle_s: float = 10.0
    otlp_endpoint: str | None = None
    otlp_content: bool = False
    prometheus_port: int | None = None
    otlp_receiver: bool = False
    otlp_token: str | None = None
    engines: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def default_home() -> Path:
    """The per-user data folder of the platform."""
    from platformdirs import user_data_path

    return user_data_path("latprobe", appauthor=False)


def load_settings(**overrides: Any) -> Settings:
    """The settings in force: arguments before environment before `[tool.latprobe]` before defaults.

    Raises UsageError for a value that cannot be meant.
    """
    table, origin = _project_table()
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, raw, source in _candidates(table, origin):
        values[name] = parse(name, raw, source)
        sources[name] = source
    for name, value in overrides.items():
        if value is not None:
            values[name] = parse(name, value, "argument")
            sources[name] = "argument"
    home = values.pop("home", None)
    settings = Settings(home=Path(home).expanduser().absolute() if home else default_home())
    return replace(settings, **values, sources=sources)


def _candidates(table: Mapping[str, Any], origin: str) -> list[tuple[str, Any, str]]:
    known = {f.name for f in fields(Settings)} - {"sources"}
    unknown = sorted(set(table) - known)
    if unknown:
        raise UsageError(
            f"{origin} has unknown keys in [tool.latprobe]: {', '.join(unknown)}. "
            f"Known keys: {', '.join(sorted(known))}."
        )
    found = [(name, raw, origin) for name, raw in table.items()]
    if otel_name := os.environ.get("OTEL_SERVICE_NAME"):
        found.append(("service", otel_name, "OTEL_SERVICE_NAME"))
    for name in sorted(known):
        variable = f"LATPROBE_{name.upper()}"
        if raw := os.environ.get(variable):
            found.append((name, raw, variable))
    return found


def _project_table() -> tuple[Mapping[str, Any], str]:
    """`[tool.latprobe]` of the pyproject.toml nearest to the script, else to the working folder."""
    for folder in _search_folders():
        path = folder / "pyproject.toml"
        try:
            table = _table_in(path.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read: {error}.") from error
        if table is not None:
            return table, str(path)
    return {}, ""


def _table_in(text: str) -> Mapping[str, Any] | None:
    if "latprobe" not in text:
        return None  # spares every start the 5 ms that importing tomllib takes
    import tomllib

    table: Mapping[str, Any] | None = tomllib.loads(text).get("tool", {}).get("latprobe")
    return table


def _search_folders() -> list[Path]:
    try:
        here = Path.cwd()
        folders = [here, *here.parents]
    except OSError:  # the working folder was removed
        folders = []
    script = next((a for a in sys.orig_argv[1:] if a.endswith(".py")), None)
    if script is not None:
        beside = Path(script).absolute().parent
        folders = [beside, *beside.parents, *folders]
    return list(dict.fromkeys(folders))
