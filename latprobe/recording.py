"""Turning recording on and off in this process, and waiting until it can be read."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latprobe import guard, recorder, stages
from latprobe.clock import monotonic_ns
from latprobe.config import Redaction, Settings, load_settings
from latprobe.journal import segment as fmt
from latprobe.journal.mapped_segment import Segment
from latprobe.journal.writer import Writer
from latprobe.setting_values import setting_text
from latprobe.version import __version__

RUN_ID_VARIABLE = "LATPROBE_RUN_ID"
RUN_SERVICE_VARIABLE = "LATPROBE_RUN_SERVICE"
BATCHES = 12

_settings: Settings | None = None


def init(
    service: str | None = None,
    home: str | os.PathLike[str] | None = None,
    *,
    version: str | None = None,
    agent: bool | None = None,
    segment_bytes: int | None = None,
    redact: Sequence[str] | None = None,
    redact_with: str | Redaction | None = None,
) -> Settings:
    """Starts recording in this process; calling it again changes nothing.

    `home` is the store's folder. What the regular expressions `redact` match, and what
    `redact_with` (text to text, or its "module:function") takes out of content, is never written.
    Raises UsageError for settings that cannot be meant; a store that
    cannot be written is said on stderr and does not stop the program.
    """
    global _settings
    if _settings is not None:
        return _settings
    settings = load_settings(
        service=service,
        home=None if home is None else str(home),
        version=version,
        agent=agent,
        segment_bytes=segment_bytes,
        redact=redact,
        redact_with=redact_with,
    )
    _settings = settings
    _redact(settings)
    run = describe_run(settings)
    writer = Writer(
        settings.home / "journal",
        run_id=_run_id(run["service"]),
        run=run,
        segment_bytes=settings.segment_bytes,
        on_segment=_wake_agent,
    )
    recorder.use_writer(writer)
    writer.run["span_cost_ns"] = span_cost_ns(writer)
    stages.start_recording(recorder.make_stage)
    if settings.delay is not None:
        from latprobe import probe  # which few need

        probe.start(settings.delay)
    atexit.register(writer.close)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)
    return settings


def shutdown() -> None:
    """Stops recording: stages are idle again, and the last segment is left to the agent."""
    global _settings
    if _settings is None:
        return
    _settings = None
    stages.start_recording(None)
    recorder.redact_with(None)
    recorder.writer.close()


def flush(timeout_s: float = 10.0) -> bool:
    """True once everything recorded so far can be queried; False if no agent could do that in time.

    Without an agent (`LATPROBE_AGENT=off`) the journal keeps it for the next reader.
    """
    if _settings is None or not _settings.agent:
        return False
    from latprobe.agent.launch import flush_through_agent

    return flush_through_agent(_settings.home, timeout_s=timeout_s)


def describe_run(settings: Settings) -> dict[str, Any]:
    """What is known of this process before it records: the RUN frame's payload."""
    resource = _resource_attributes()
    return {
        "service": settings.service or resource.get("service.name") or _inherited_service(),
        "version": settings.version or resource.get("service.version"),
        "argv": list(sys.orig_argv),
        "cwd": _working_folder(),
        "executable": sys.executable,
        "python": sys.version.split()[0],
        "host": _host_name(),
        "platform": sys.platform,
        "latprobe": __version__,
        "content": settings.content,
        "counting": _counting(settings),
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
        "resource": resource,
    }


def _counting(settings: Settings) -> str | None:
    """The project's prices and tokenizers, which the agent may not know; None without any."""
    if not settings.prices and not settings.tokenizers:
        return None
    return setting_text({"prices": settings.prices, "tokenizers": settings.tokenizers})


def _redact(settings: Settings) -> None:
    """Redacts in this process, and says so to those it starts."""
    if not settings.redact and settings.redact_with is None:
        return
    from latprobe.redaction import Redactor  # which few need

    recorder.redact_with(Redactor(settings.redact, settings.redact_with))
    for name, value in (("redact", settings.redact), ("redact_with", settings.redact_with)):
        text = setting_text(value) if value and settings.sources.get(name) == "argument" else None
        if text is not None:
            os.environ[f"LATPROBE_{name.upper()}"] = text


def span_cost_ns(writer: Writer, *, rounds: int = 192) -> float:
    """What one empty nested stage costs here, measured on a scratch segment (0.5 ms in all).

    The fastest of several batches: a preemption in one of them is no cost of ours.
    """
    scratch = Segment(
        bytearray(fmt.HEADER_BYTES + (rounds + 2) * fmt.RECORD_BYTES + 4096),
        limit=fmt.HEADER_BYTES + (rounds + 2) * fmt.RECORD_BYTES,
        heap_start=fmt.HEADER_BYTES + (rounds + 2) * fmt.RECORD_BYTES,
        heap_end=fmt.HEADER_BYTES + (rounds + 2) * fmt.RECORD_BYTES + 4096,
    )
    before, writer.segment = writer.segment, scratch
    try:
        with recorder.make_stage("latprobe.calibrate", None, {}):
            with recorder.make_stage("latprobe.calibrate", None, {}):
                pass
            best = min(_batch_ns(rounds // BATCHES) for _ in range(BATCHES))
    finally:
        writer.segment = before
    return best / (rounds // BATCHES)


def _batch_ns(count: int) -> int:
    start = monotonic_ns()
    for _ in range(count):
        with recorder.make_stage("latprobe.calibrate", None, {}):
            pass
    return monotonic_ns() - start


def _wake_agent() -> None:
    if _settings is None or not _settings.agent:
        return
    try:
        from latprobe.agent.launch import ensure_agent

        ensure_agent(_settings.home, wait=False)
    except Exception as error:  # without an agent the journal simply stays
        guard.report("starting the agent", error)


def _after_fork() -> None:
    if _settings is not None:
        recorder.after_fork()
        recorder.writer.after_fork(
            {**recorder.writer.run, "pid": os.getpid(), "parent_pid": os.getppid()}
        )


def _run_id(service: str) -> bytes:
    """The run's UUID. A process started by another of the same run inherits it, unless it is of
    another service: a run belongs to one."""
    try:
        found = bytes.fromhex(os.environ[RUN_ID_VARIABLE])
    except (KeyError, ValueError):
        found = b""
    if len(found) != 16 or os.environ.get(RUN_SERVICE_VARIABLE, service) != service:
        found = os.urandom(16)
        os.environ[RUN_ID_VARIABLE] = found.hex()
    os.environ[RUN_SERVICE_VARIABLE] = service
    return found


def _inherited_service() -> str:
    """The service of the process that started this one within the same run, else the script."""
    if RUN_ID_VARIABLE in os.environ:
        return os.environ.get(RUN_SERVICE_VARIABLE) or _script_name()
    return _script_name()


def _script_name() -> str:
    """The program's name as a person would say it: the script or module, without its suffix."""
    words = sys.orig_argv[1:]
    if "-m" in words[:-1]:
        return words[words.index("-m") + 1]
    name = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else ""
    return name if name not in ("", "-c", "-") else "python"


def _resource_attributes() -> dict[str, str]:
    raw = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    pairs = (part.partition("=") for part in raw.split(",") if "=" in part)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _host_name() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None
