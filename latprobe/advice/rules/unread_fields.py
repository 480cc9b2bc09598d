"""Fields of answers that the program was watched never to read."""

from __future__ import annotations

from collections.abc import Iterator

from latprobe.advice.context import Context
from latprobe.advice.outputs.dropped_fields import fewer_fields, shown_fields
from latprobe.advice.outputs.fields import paths
from latprobe.advice.outputs.reading_answers import json_answers
from latprobe.advice.outputs.token_saving import ENOUGH_CALLS, FEW_CALLS
from latprobe.advice.outputs.watched import WatchedAnswers, watched_answers
from latprobe.advice.suggestion import Evidence, Suggestion

NAME = "unread_fields"

# The JSON of a template is what was watched if it has so many of the watched fields.
_ALIKE = 0.8


def find(context: Context) -> Iterator[Suggestion]:
    """Each template with fields that no request read, though it read others of them."""
    for watched in watched_answers(context).values():
        # Where nothing at all was seen being read, what reads it cannot be seen (pydantic, orjson).
        if watched.answers < FEW_CALLS or watched.read_any < 0.5 * watched.answers:
            continue
        if watched.unread:
            yield from _of(context, watched)


def _of(context: Context, watched: WatchedAnswers) -> Iterator[Suggestion]:
    for group in context.templates:
        answers = json_answers(group)
        if answers is None:
            continue
        fields = {path for found in answers.found for path in paths(found.value)}
        if len(fields & watched.had.keys()) < _ALIKE * len(watched.had):
            continue
        unread = [path for path in watched.unread if path in fields]
        found = fewer_fields(
            context,
            group,
            answers,
            unread,
            rule=NAME,
            title=f"Leave {shown_fields(unread)} out of the answers of {group.subject}: nothing "
            "reads {them}",
            evidence=(
                Evidence("answers watched", watched.answers),
                Evidence("answers of which a field was read", watched.read_any),
                Evidence("fields never read", ", ".join(unread)),
            ),
            preconditions=(
                "Nothing reads them after the request has ended, or in another process.",
            ),
            seen=watched.answers,
            enough=ENOUGH_CALLS,
        )
        if found is not None:
            yield found
