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

from latprobe.errors import UsageError

_ON = {"on", "1", "true", "yes"}
_OFF = {"off", "0", "false", "no"}


@dataclass(frozen=True, slots=True)
class StageRule:
    """Which functions become stages without a change to their code.

    `pattern` is "module:function" with shell wildcards; `name` None means the function's own
    qualified name.
    """

    pattern: str
    name: str | None = None
    modality: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What one process records, and where to. `home` is the store's folder."""

    home: Path
    service: str | None = None
    version: str | None = None
    agent: bool = True
    content: str = "local"
    instrument: tuple[str, ...] = ("*",)
    skip_instrument: tuple[str, ...] = ()
    stages: tuple[StageRule, ...] = ()
    segment_bytes: int = 4 << 20
    agent_idle_s: float = 10.0
    otlp_endpoint: str | None = None
    otlp_content: bool = False
    prometheus_port: int | None = None
    otlp_receiver: bool = False
    otlp_token: str | None = None
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
        values[name] = _parse(name, raw, source)
        sources[name] = source
    for name, value in overrides.items():
        if value is not None:
            values[name] = _parse(name, value, "argument")
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


def _parse(name: str, raw: Any, source: str) -> Any:
    if name in ("agent", "otlp_content", "otlp_receiver"):
        return _parse_switch(raw, source)
    if name == "content" and raw not in ("local", "off"):
        raise UsageError(f"{source} is {raw!r}; write local or off.")
    if name == "stages":
        return _parse_stages(raw, source)
    if name in ("instrument", "skip_instrument"):
        return (
            tuple(part.strip() for part in raw.split(",")) if isinstance(raw, str) else tuple(raw)
        )
    if name == "prometheus_port":
        return _parse_port(raw, source)
    if name in ("segment_bytes", "agent_idle_s"):
        return _parse_number(name, raw, source)
    if not isinstance(raw, (str, Path)):
        raise UsageError(f"{source} has {name} = {raw!r}; write text.")
    return raw


def _parse_switch(raw: Any, source: str) -> bool:
    word = str(raw).lower()
    if word in _ON | _OFF:
        return word in _ON
    raise UsageError(f"{source} is {raw!r}; write on or off.")


def _parse_number(name: str, raw: Any, source: str) -> int | float:
    try:
        value = float(raw)
        if not 0 < value < 1e12:
            raise ValueError
    except (TypeError, ValueError):
        raise UsageError(f"{source} is {raw!r}; write a positive number.") from None
    if name == "agent_idle_s":
        return value
    return max(int(value), 64 << 10)


def _parse_port(raw: Any, source: str) -> int:
    if str(raw).isdigit() and int(raw) <= 65_535:
        return int(raw)
    raise UsageError(f"{source} is {raw!r}; write a port's number.")


def _parse_stages(raw: Any, source: str) -> tuple[StageRule, ...]:
    if isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if isinstance(raw, (list, tuple)):
        raw = {str(pattern): {} for pattern in raw}
    if not isinstance(raw, Mapping):
        raise UsageError(f'{source} has stages = {raw!r}; write a list of "module:function".')
    rules = []
    for pattern, options in raw.items():
        if ":" not in pattern or not isinstance(options, Mapping):
            raise UsageError(
                f'{source} has the stage {pattern!r}; write "module:function", wildcards allowed.'
            )
        rules.append(StageRule(pattern, options.get("name"), options.get("modality")))
    return tuple(rules)


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
