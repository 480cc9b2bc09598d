"""A resource as a run: the same resource is the same run, however often it is sent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from latprobe.store.runs import UNKNOWN_SERVICE
from latprobe_collectors.otlp.values import mapping


@dataclass(frozen=True, slots=True)
class Run:
    """A row of `runs` without its number and its start."""

    key: uuid.UUID
    values: dict[str, Any]
    pid: int | None


def read_run(resource: Any) -> Run:
    """What the resource says about the process that its spans come from."""
    attributes = mapping(resource.attributes)
    text = orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS)
    return Run(
        uuid.UUID(bytes=blake2b(text, digest_size=16).digest()),
        {**_columns(attributes), "resource": text.decode() if attributes else None},
        _pid(attributes.get("process.pid")),
    )


def _columns(attributes: dict[str, object]) -> dict[str, str | None]:
    def said(*names: str) -> str | None:
        found = (attributes.get(name) for name in names)
        return next((text for text in found if isinstance(text, str) and text), None)

    arguments = attributes.get("process.command_args")
    return {
        "service": said("service.name") or UNKNOWN_SERVICE,
        "version": said("service.version"),
        "git_commit": said("vcs.ref.head.revision"),
        "host": said("host.name"),
        "platform": said("os.description", "os.type"),
        "python": _python(attributes),
        "argv": " ".join(map(str, arguments))
        if isinstance(arguments, list)
        else said("process.command_line"),
        "cwd": said("process.working_directory"),
    }


def _python(attributes: dict[str, object]) -> str | None:
    version = attributes.get("process.runtime.version")
    is_python = attributes.get("process.runtime.name") in ("cpython", "pypy")
    return version if is_python and isinstance(version, str) else None


def _pid(value: object) -> int | None:
    return value if type(value) is int and 0 < value < 1 << 32 else None
