"""What a compressor gives: a rewritten text, its class, and what was executed to prove it.

A compressor is a module with a `name` and a `candidates(text, context)`; its text is counted by
whoever asks, never here. Classes:

- lossless: a decoder was executed, and gave the input back;
- near: a named normalisation went over the input, and the result was checked against it;
- lossy: something is gone, and the check lists what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

Kind = Literal["lossless", "near", "lossy"]
KINDS: tuple[Kind, ...] = ("lossless", "near", "lossy")


class NoJson:
    """Stands for the value of a text that is no JSON object or list."""


NO_JSON = NoJson()


@dataclass(frozen=True, slots=True)
class Check:
    """What was executed. `lost` lists what the new text lacks, `kept` what it was found to keep."""

    executed: str
    kept: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rewritten text. An advisory one is shown and never applied.

    `value` is the rewritten JSON where the text is JSON, for a compressor that writes it shorter;
    NO_JSON else. `aside` is a map of short names that stays with the caller, None without one.
    """

    text: str
    steps: tuple[str, ...]
    kind: Kind
    check: Check
    advisory: bool = False
    value: object = NO_JSON
    aside: dict[str, str] | None = None
    notes: tuple[str, ...] = ()

    def after(self, first: Candidate) -> Candidate:
        """This candidate, which was made of what `first` gave: the worse class, both checks."""
        return replace(
            self,
            steps=first.steps + self.steps,
            kind=worse(first.kind, self.kind),
            check=both(first.check, self.check),
            advisory=first.advisory or self.advisory,
            aside=first.aside or self.aside,
            notes=first.notes + self.notes,
        )


@dataclass(frozen=True, slots=True)
class Context:
    """What a compressor may know of the text besides the text.

    `value` is its JSON, `minified` that as short JSON; `is_spelled` says that a number in it is
    not as Python writes it. `kind` is the prompt's part; `question` the user's, for pruning.
    """

    value: object = NO_JSON
    minified: str = ""
    is_spelled: bool = False
    kind: str = "other"
    question: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def is_json(self) -> bool:
        return not isinstance(self.value, NoJson)


class Compressor(Protocol):
    """One way to write a text shorter."""

    @property
    def name(self) -> str:
        """What the step is called."""

    def candidates(self, text: str, context: Context) -> Sequence[Candidate]:
        """The rewritten texts; none where the compressor has nothing to do. Never raises."""


def worse(first: Kind, second: Kind) -> Kind:
    """The class that promises less."""
    return max(first, second, key=KINDS.index)


def both(first: Check, second: Check) -> Check:
    """Two checks as one."""
    executed = "; ".join(dict.fromkeys(text for text in (first.executed, second.executed) if text))
    return Check(executed, first.kept + second.kept, first.lost + second.lost)
