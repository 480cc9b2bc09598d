"""What a suggestion changes about a request and its answer: the arm that is tried."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from latprobe.advice.compress.compose import best
from latprobe.advice.compress.meter import Meter
from latprobe.advice.outputs.answer_formats import Encoding, encodings_for
from latprobe.advice.outputs.json_answers import JsonAnswer, find_json
from latprobe.advice.replay.agreement import ABSENT
from latprobe.advice.replay.recorded import Message, Recorded
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.refusal import Refusal
from latprobe.tokens.part import MEDIA_KINDS

# A template answers in JSON if nearly all of its answers do.
_MOST_ARE_JSON = 0.8
# `find_json` takes these for no answer; to a replay they are one.
_EMPTY = re.compile(r"(?<!\S)(\[\s*\]|\{\s*\})(?!\S)")
_JSON_ONLY = re.compile(r"or say: ([^\n]+)")
_LEFT_OUT = ("tools", *MEDIA_KINDS)


class Change(Protocol):
    """One way to ask, and to read what is answered."""

    def messages(self, recorded: Recorded) -> tuple[Message, ...]:
        """What is sent for the recorded request."""

    def read(self, answer: str) -> Any:
        """The answer as the recorded one would have it; ABSENT where it cannot be read."""


@dataclass(frozen=True, slots=True)
class AsRecorded:
    """The request as it was. `is_json`, `is_bare`: answers are JSON, and nothing but JSON."""

    is_json: bool
    is_bare: bool = False

    @classmethod
    def of(cls, recorded: Sequence[Recorded]) -> AsRecorded:
        """How the recorded answers are read."""
        parsed = [_json_in(each.answer) for each in recorded]
        found = [each for each in parsed if each is not None]
        is_json = len(found) >= _MOST_ARE_JSON * len(recorded)
        return cls(is_json, is_json and all(each.is_bare for each in found))

    def messages(self, recorded: Recorded) -> tuple[Message, ...]:
        return recorded.messages

    def read(self, answer: str) -> Any:
        if not self.is_json:
            return answer
        found = _json_in(answer)
        if found is None or (self.is_bare and not found.is_bare):
            return ABSENT
        return found.value


@dataclass(frozen=True, slots=True)
class SaidInPrompt:
    """One sentence more in the prompt; `encoding` is the answers' new format, None: as before."""

    before: AsRecorded
    sentence: str
    encoding: Encoding | None = None

    def messages(self, recorded: Recorded) -> tuple[Message, ...]:
        """At the end of the instructions; in the last message where there are none."""
        messages = list(recorded.messages)
        roles = [each.role in ("system", "developer") for each in messages]
        at = roles.index(True) if any(roles) else len(messages) - 1
        text = messages[at].text
        between = "" if text.endswith("\n") else "\n"
        messages[at] = replace(messages[at], text=f"{text}{between}{self.sentence}\n")
        return tuple(messages)

    def read(self, answer: str) -> Any:
        if self.encoding is None:
            return self.before.read(answer)
        found = _json_in(answer)
        if found is None or (self.before.is_bare and not found.is_bare):
            return ABSENT
        try:
            return self.encoding.decode(found.text)
        except (ValueError, TypeError, KeyError, RecursionError):
            return ABSENT


@dataclass(frozen=True, slots=True)
class ShorterTexts:
    """Each text of the prompt in its shortest form that means the same."""

    before: AsRecorded
    meter: Meter
    is_near: bool = field(default=False)

    def messages(self, recorded: Recorded) -> tuple[Message, ...]:
        messages = list(recorded.messages)
        for part in recorded.call.side("input"):
            if part.kind in _LEFT_OUT or not part.text:
                continue
            short = self._short(part.text, part.kind)
            for at, each in enumerate(messages):
                if part.text in each.text:
                    messages[at] = replace(each, text=each.text.replace(part.text, short))
        return tuple(messages)

    def read(self, answer: str) -> Any:
        return self.before.read(answer)

    def _short(self, text: str, kind: str) -> str:
        found = best(text, allow="near", kind=kind, meter=self.meter, is_thorough=False)
        options = [found.lossless, found.near if self.is_near else None]
        # What is kept aside is put back by the caller's code, which is not here.
        usable = [each for each in options if each is not None and not each.aside]
        shortest = min(usable, key=lambda each: each.tokens_after, default=None)
        return text if shortest is None else shortest.text


def _json_in(answer: str) -> JsonAnswer | None:
    """The JSON of an answer, `[]` and `{}` too where they stand alone between blanks."""
    found = find_json(answer)
    empty = None if found is not None else _EMPTY.search(answer)
    if empty is None:
        return found
    text = empty.group()
    value: Any = [] if text.startswith("[") else {}
    return JsonAnswer(value, text, answer[: empty.start()], answer[empty.end() :])


def change_of(
    suggestion: Suggestion, recorded: Sequence[Recorded], *, model: str | None
) -> SaidInPrompt | ShorterTexts | Refusal:
    """How the suggestion is followed in a request; a Refusal where that needs other code."""
    before = AsRecorded.of(recorded)
    if suggestion.rule in ("output_format", "output_prose") and not before.is_json:
        return Refusal(
            f"Fewer than {_MOST_ARE_JSON:.0%} of the recorded answers are JSON, so answers in "
            "another format cannot be compared with them; ask `latprobe advise` again."
        )
    match suggestion.rule:
        case "output_format":
            values = [found.value for each in recorded if (found := find_json(each.answer))]
            for encoding in encodings_for(values):
                if f"Say in the prompt: {encoding.sentence}\n" in suggestion.how:
                    return SaidInPrompt(before, encoding.sentence, encoding)
            return Refusal(
                "The recorded answers no longer have the format that the suggestion is about; "
                "ask `latprobe advise` again."
            )
        case "output_prose":
            said = _JSON_ONLY.search(suggestion.how)
            if said is not None:
                return SaidInPrompt(replace(before, is_bare=False), said[1])
        case "input_format":
            return ShorterTexts(before, Meter(model), 'allow="near"' in suggestion.how)
    return Refusal(
        "This suggestion changes your code, not only a prompt's texts or an answer's format, so it "
        "cannot be tried from here; follow it, then `latprobe applied` measures it."
    )
