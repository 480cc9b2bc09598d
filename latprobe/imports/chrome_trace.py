"""Chrome JSON traces: chrome://tracing's and Perfetto's, PyTorch profiler's (Kineto), our own.

X and matched B/E events become spans, nested by time within a thread; GPU work gets its device's
stream as its thread. A file is one trace under a root that says that it is inferred; files of
`latprobe export --format perfetto` keep their ids.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from latprobe.errors import UsageError
from latprobe.imports.chrome_rows import INFERRED, Interval, span_row
from latprobe.imports.foreign_folder import write_folder

GPU_CATEGORIES = frozenset({"kernel", "gpu_memcpy", "gpu_memset", "gpu_user_annotation"})
# The time for which PyTorch's profiler was on; no work of the program's.
PROFILER_WINDOW = "Trace"
# Absolute times in us: later than 2001 and before 2286. Others count from some start.
_ABSOLUTE_US = (10**15, 10**16)
_Track = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Trace:
    """What a file holds. `epoch_ns` is added to its times; `skipped` events had no usable time or
    no end."""

    intervals: list[Interval]
    epoch_ns: int
    skipped: int
    is_own: bool
    is_kineto: bool


def convert_chrome(content: bytes, folder: Path, *, changed_ns: int) -> int:
    """Writes the file's spans to `folder`; gives back how many events were skipped.

    `changed_ns` is when the file was written: the time of traces that do not say theirs. Raises
    UsageError when it holds no spans.
    """
    trace = read_trace(content, changed_ns=changed_ns)
    if not trace.intervals:
        raise UsageError("The file holds no X or B/E events, so nothing was imported.")
    digest = blake2b(content, digest_size=16).digest()
    spans = [span_row(each, digest, trace.epoch_ns) for each in trace.intervals]
    if not trace.is_own:
        spans.insert(0, _root(spans, digest, trace))
    run = {
        "run_id": 1,
        "run_uuid": digest.hex(),
        "service": "torch.profiler" if trace.is_kineto else "chrome trace",
        "started_ns": min(span["start_ns"] for span in spans),
    }
    write_folder(folder, runs=[run], spans=spans)
    return trace.skipped


def read_trace(content: bytes, *, changed_ns: int) -> Trace:
    """The events as intervals, each with its parent. Raises UsageError for what is no trace."""
    document = _document(content)
    about = document if isinstance(document, dict) else {}
    events = document if isinstance(document, list) else document.get("traceEvents")
    if not isinstance(events, list):
        raise UsageError("The file is JSON but no trace: it has no traceEvents.")
    names = _names(events)
    intervals, skipped = _intervals(events, names)
    is_own = (about.get("otherData") or {}).get("producer") == "latprobe"
    if not is_own:
        _nest(intervals)
    return Trace(
        intervals=intervals,
        epoch_ns=_epoch_ns(about, intervals, changed_ns),
        skipped=skipped,
        is_own=is_own,
        is_kineto="deviceProperties" in about or "schemaVersion" in about,
    )


def _document(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        closed = content.rstrip().rstrip(b",") + b"]"  # the format allows the end to be missing
        if content.lstrip()[:1] == b"[":
            try:
                return json.loads(closed)
            except (ValueError, RecursionError):
                pass
        raise UsageError(f"The file is no JSON trace: {error}.") from error


def _names(events: Iterable[Any]) -> dict[tuple[str, str, str], str]:
    """(what, pid, tid) -> name, from the metadata events."""
    found = {}
    for event in events:
        if isinstance(event, dict) and event.get("ph") == "M":
            arguments = event.get("args")
            name = arguments.get("name") if isinstance(arguments, dict) else None
            if isinstance(name, str):
                tid = "" if event.get("name") == "process_name" else str(event.get("tid"))
                found[str(event.get("name")), str(event.get("pid")), tid] = name
    return found


def _intervals(
    events: list[Any], names: dict[tuple[str, str, str], str]
) -> tuple[list[Interval], int]:
    found: list[Interval] = []
    skipped = 0
    begun: dict[_Track, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for number, event in enumerate(events):
        if not isinstance(event, dict) or event.get("ph") not in ("X", "B", "E"):
            continue
        if event.get("cat") == PROFILER_WINDOW:
            continue
        start = _ns(event.get("ts"))
        track = str(event.get("pid")), str(event.get("tid"))
        if start is None:
            skipped += 1
        elif event["ph"] == "B":
            begun[track].append((number, event))
        elif event["ph"] == "E":
            if not begun[track]:
                skipped += 1
                continue
            first, opening = begun[track].pop()
            merged = {**opening, "args": {**_arguments(opening), **_arguments(event)}}
            found.append(_interval(first, merged, start - (_ns(opening["ts"]) or 0), names))
        else:
            duration = _ns(event.get("dur", 0))
            if duration is None or duration < 0:
                skipped += 1
                continue
            found.append(_interval(number, event, duration, names))
    return found, skipped + sum(map(len, begun.values()))


def _interval(
    number: int, event: dict[str, Any], duration_ns: int, names: dict[tuple[str, str, str], str]
) -> Interval:
    pid, tid = str(event.get("pid")), str(event.get("tid"))
    arguments = _arguments(event)
    category = str(event.get("cat") or "")
    is_gpu = category in GPU_CATEGORIES
    thread = names.get(("thread_name", pid, tid)) or f"thread {tid}"
    if is_gpu:
        thread = f"GPU {arguments.get('device', pid)} stream {arguments.get('stream', tid)}"
    return Interval(
        number=number,
        name=str(event.get("name") or "(unnamed)"),
        category=category,
        track=(f"gpu {pid}" if is_gpu else pid, thread if is_gpu else tid),
        process=names.get(("process_name", pid, "")),
        pid=None if is_gpu or not pid.isdigit() or int(pid) >= 1 << 32 else int(pid),
        thread=thread,
        start_ns=_ns(event.get("ts")) or 0,
        duration_ns=max(duration_ns, 0),
        arguments=arguments,
    )


def _nest(intervals: list[Interval]) -> None:
    """Within a thread, a span's parent is the shortest one that covers it."""
    tracks: dict[_Track, list[Interval]] = defaultdict(list)
    for each in intervals:
        tracks[each.track].append(each)
    for track in tracks.values():
        open_: list[Interval] = []
        for each in sorted(track, key=lambda found: (found.start_ns, -found.duration_ns)):
            while open_ and open_[-1].end_ns <= each.start_ns:
                open_.pop()
            covering = (outer for outer in reversed(open_) if outer.end_ns >= each.end_ns)
            each.parent = next(covering, None)
            open_.append(each)


def _epoch_ns(about: dict[str, Any], intervals: list[Interval], changed_ns: int) -> int:
    """What the times count from: the file's word, the epoch, or so that it ends when written."""
    own = (about.get("otherData") or {}).get("epoch_ns")
    for said in (own, about.get("baseTimeNanoseconds")):
        if isinstance(said, (int, str)) and str(said).isdigit():
            return int(said)
    if not intervals:
        return 0
    first, last = _ABSOLUTE_US
    if first * 1000 <= min(each.start_ns for each in intervals) < last * 1000:
        return 0
    return changed_ns - max(each.end_ns for each in intervals)


def _root(spans: list[dict[str, Any]], digest: bytes, trace: Trace) -> dict[str, Any]:
    """Covers the others, and becomes the parent of those that have none."""
    start = min(span["start_ns"] for span in spans)
    end = max(span["start_ns"] + span["duration_ns"] for span in spans)
    root_id = f"{int.from_bytes(digest[:8], 'big') | 1:016x}"
    for span in spans:
        span["parent_span_id"] = span["parent_span_id"] or root_id
    return {
        "trace_id": digest.hex(),
        "span_id": root_id,
        "parent_span_id": None,
        "run_id": 1,
        "name": "torch.profiler" if trace.is_kineto else "chrome trace",
        "kind": "internal",
        "status": "unset",
        "start_ns": start,
        "duration_ns": end - start,
        "attributes": json.dumps({"inferred": INFERRED}),
    }


def _arguments(event: dict[str, Any]) -> dict[str, Any]:
    arguments = event.get("args")
    return arguments if isinstance(arguments, dict) else {}


def _ns(value: object) -> int | None:
    """us, a number or its text, in ns."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, int):
        return value * 1000 if abs(value) < 1 << 52 else None
    return round(value * 1000) if abs(value) < 1 << 52 else None
