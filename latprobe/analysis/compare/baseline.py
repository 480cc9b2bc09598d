"""A recording's figures as a document to keep beside the code: numbers and stage names, no text of
any request. Durations are kept to the microsecond."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.compare.measured import Measured, StageCalls
from latprobe.analysis.compare.request_tokens import TokenColumns
from latprobe.errors import UsageError

FORMAT = "latprobe-baseline"
FORMAT_VERSION = 1

Document = dict[str, Any]


def to_document(measured: Measured) -> Document:
    """Plain lists and numbers, for JSON."""
    first = int(measured.start_ns[0]) if len(measured) else 0
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "requests": measured.requests,
        "active_us": measured.active_ns // 1000,
        "start_us": _us(measured.start_ns - first),
        "duration_us": _us(measured.duration_ns),
        "failed": np.flatnonzero(measured.is_error).tolist(),
        "run": measured.run.tolist(),
        "tokens": _token_lists(measured.tokens),
        "stages": {name: _stage(calls) for name, calls in measured.stages.items()},
    }


def from_document(document: object) -> Measured:
    """The figures of a document. Raises UsageError for one that `to_document` did not make."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError("This is not a latprobe baseline; write one with `latprobe gate --save`.")
    if document.get("version") != FORMAT_VERSION:
        raise UsageError(
            f"This baseline has version {document.get('version')}, this latprobe reads "
            f"{FORMAT_VERSION}; write it again with `latprobe gate --save`."
        )
    try:
        return _measured(document)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise UsageError(
            f"This baseline is damaged ({type(error).__name__}: {error}); write it again with "
            "`latprobe gate --save`."
        ) from error


def _measured(document: Document) -> Measured:
    start, duration = _ns(document["start_us"]), _ns(document["duration_us"])
    count = len(duration)
    if count == 0 or len(start) != count or len(document["run"]) != count:
        raise ValueError("columns of different lengths")
    return Measured(
        requests=int(document["requests"]),
        active_ns=int(document["active_us"]) * 1000,
        start_ns=start,
        duration_ns=duration,
        is_error=_flags(document["failed"], count),
        run=np.asarray(document["run"], np.int64),
        tokens=_token_columns(document["tokens"], count),
        stages={str(name): _calls(each, count) for name, each in document["stages"].items()},
    )


def _stage(calls: StageCalls) -> Document:
    return {
        "request": calls.request.tolist(),
        "duration_us": _us(calls.duration_ns),
        "critical_us": _us(calls.critical_ns),
        "failed": np.flatnonzero(calls.is_error).tolist(),
        "tokens": _token_lists(calls.tokens),
    }


def _calls(document: Document, requests: int) -> StageCalls:
    request = np.asarray(document["request"], np.int64)
    durations, critical = _ns(document["duration_us"]), _ns(document["critical_us"])
    if not len(request) == len(durations) == len(critical) > 0:
        raise ValueError("columns of different lengths")
    if request.min() < 0 or request.max() >= requests:
        raise ValueError("calls of a request that is not there")
    return StageCalls(
        request,
        durations,
        critical,
        _flags(document["failed"], len(request)),
        _token_columns(document["tokens"], requests),
    )


def _token_lists(columns: TokenColumns | None) -> dict[str, list[float | None]] | None:
    """NaN as null; whole numbers as such."""
    if columns is None:
        return None
    names = TokenColumns.__dataclass_fields__
    return {
        name: [_plain(value) for value in values.tolist()]
        for name, values in zip(names, columns.columns(), strict=True)
    }


def _plain(value: float) -> float | None:
    if value != value:
        return None
    return int(value) if value.is_integer() else value


def _token_columns(lists: Document | None, count: int) -> TokenColumns | None:
    if lists is None:
        return None
    columns = [
        np.array([np.nan if value is None else value for value in lists[name]], np.float64)
        for name in TokenColumns.__dataclass_fields__
    ]
    if any(len(column) != count for column in columns):
        raise ValueError("columns of different lengths")
    return TokenColumns(*columns)


def _us(values: NDArray[np.int64]) -> list[int]:
    return [int(value) for value in ((values + 500) // 1000).tolist()]


def _ns(values: list[int]) -> NDArray[np.int64]:
    found = np.asarray(values, np.int64) * 1000
    if len(found) and found.min() < 0:
        raise ValueError("a time below zero")
    return found


def _flags(places: list[int], count: int) -> NDArray[np.bool_]:
    flags = np.zeros(count, np.bool_)
    flags[np.asarray(places, np.int64)] = True
    return flags
