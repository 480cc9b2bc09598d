"""`watch_fields()`: records which fields of a parsed answer the program reads.

Advice on fields that nobody reads needs this, since what a program does with an answer is in no
span. It costs a dictionary lookup at each read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast

from latprobe import guard, stages

T = TypeVar("T")

FIELDS = "latprobe.answer.fields"
READ = "latprobe.answer.read"

_MOST_FIELDS = 200
_MOST_OUTSIDE = 1_000
_DEEPEST = 12
_outside: set[str] = set()


def watch_fields(answer: T) -> T:
    """The parsed answer (dicts and lists), equal to what was given, as one that notes what is read.

        answer = latprobe.watch_fields(json.loads(response.output_text))

    Reads are recorded while any stage of the request is open. Going over all items, or writing the
    answer as JSON, reads all fields. What compiled code takes out of a dict by itself (pydantic,
    orjson) is not seen. While nothing records, the answer itself comes back. Never raises.
    """
    if stages._make is stages.Idle or not isinstance(answer, (dict, list)):
        return answer
    try:
        return cast("T", _watched(answer))
    except Exception as fault:  # nothing of ours may reach the user's code
        if not guard.is_ours(fault):
            raise  # a signal handler's
        guard.report("watching an answer's fields", fault)
        return answer


def _watched(answer: Any) -> Any:
    from latprobe.recorder import Stage, current  # needs opentelemetry, as recording does

    stage = current.get()
    if type(stage) is not Stage or not stage.is_recording():
        return answer
    reads = _Reads(stage)
    made = _wrapped(answer, reads, "", 0)
    known = stage._attributes or {}
    fields = dict.fromkeys([*known.get(FIELDS, ()), *reads.fields])
    stage.set(**{FIELDS: list(fields)[:_MOST_FIELDS], READ: known.get(READ, reads.listed)})
    reads.listed = stage._attributes[READ]  # type: ignore[index]  # just set
    for path in _outside.intersection(reads.fields):
        reads.note(path)
    return made


class _Reads:
    """The fields of one answer that were read, on the stage it was watched in while that is open.

    The list is the attribute itself, which is written when the stage ends.
    """

    __slots__ = ("fields", "listed", "seen", "stage")

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.fields: dict[str, None] = {}
        self.seen: set[str] = set()
        self.listed: list[str] = []

    def note(self, path: str) -> None:
        if path in self.seen:
            return
        self.seen.add(path)
        if self.stage.is_recording():
            if path not in self.listed:
                self.listed.append(path)
            return
        from latprobe.recorder import Stage, current

        now = current.get()
        if type(now) is Stage and now.is_recording():
            known = (now._attributes or {}).get(READ, [])
            now.set(**{READ: [*known, path]})
        elif len(_outside) < _MOST_OUTSIDE:
            # After the request: said with the next answer that has such a field.
            _outside.add(path)


class _WatchedDict(dict[Any, Any]):
    """A dict that notes which of its keys' values are taken."""

    __slots__ = ("_reads", "_under")

    _reads: _Reads
    _under: str

    def __getitem__(self, key: Any) -> Any:
        if dict.__contains__(self, key):
            self._reads.note(f"{self._under}{key}")
        return dict.__getitem__(self, key)

    def get(self, key: Any, default: Any = None) -> Any:
        if dict.__contains__(self, key):
            self._reads.note(f"{self._under}{key}")
        return dict.get(self, key, default)

    def pop(self, key: Any, *default: Any) -> Any:
        if dict.__contains__(self, key):
            self._reads.note(f"{self._under}{key}")
        return dict.pop(self, key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if dict.__contains__(self, key):
            self._reads.note(f"{self._under}{key}")
        return dict.setdefault(self, key, default)

    def __iter__(self) -> Iterator[Any]:
        # Defined so that dict(answer) and **answer take each value by `__getitem__`.
        return dict.__iter__(self)

    def items(self) -> Any:
        self._note_all()
        return dict.items(self)

    def values(self) -> Any:
        self._note_all()
        return dict.values(self)

    def copy(self) -> dict[Any, Any]:
        self._note_all()
        return dict(dict.items(self))

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __eq__(self, other: object) -> bool:
        self._note_all()
        return dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        self._note_all()
        return dict.__repr__(self)

    def __reduce__(self) -> Any:
        return dict, (self.copy(),)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()

    def _note_all(self) -> None:
        for key in dict.keys(self):  # the plain keys, without a note of each
            self._reads.note(f"{self._under}{key}")

    __hash__ = None


def _wrapped(value: Any, reads: _Reads, path: str, depth: int) -> Any:
    if depth > _DEEPEST:
        return value
    if type(value) is list:
        return [_wrapped(item, reads, f"{path}[]", depth + 1) for item in value]
    if type(value) is not dict:
        return value
    made = _WatchedDict()
    made._reads = reads
    made._under = f"{path}." if path else ""
    for key, item in value.items():
        inner = f"{made._under}{key}"
        reads.fields[inner] = None
        dict.__setitem__(made, key, _wrapped(item, reads, inner, depth + 1))
    return made
