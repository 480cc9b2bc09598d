"""Fields that explain an answer, where nothing is known to read them."""

from __future__ import annotations

from collections.abc import Iterator

from latprobe.advice.context import Context
from latprobe.advice.outputs.dropped_fields import fewer_fields, shown_fields
from latprobe.advice.outputs.fields import leaves
from latprobe.advice.outputs.reading_answers import JsonAnswers, json_answers
from latprobe.advice.outputs.token_saving import ENOUGH_CALLS, FEW_CALLS
from latprobe.advice.outputs.watched import watched_answers
from latprobe.advice.stage_words import has_any, word_set
from latprobe.advice.suggestion import Evidence, Suggestion

NAME = "reasoning_fields"

_NAMES = frozenset(
    {
        "explanation", "explanations", "reasoning", "rationale", "reason", "reasons", "thought",
        "thoughts", "thinking", "analysis", "justification", "chain_of_thought", "cot", "why",
        "scratchpad", "reflection", "commentary", "step_by_step", "explanation_text",
    }
)  # fmt: skip
# The same in a longer name: "thought_process", "model_reasoning", "explanationText".
_WORDS = word_set(
    "explanation explanations reasoning rationale rationales thought thoughts thinking "
    "justification justifications scratchpad cot"
)
# "analysis" alone is often what was asked for; its steps are how the answer came about.
_OF = word_set("analysis reason logic decision")
_WAY = word_set("step steps process chain trace path")
# A phrase that tells a reader why is part of a good answer; paragraphs are not.
_LEAST_TOKENS = 20
_LEAST_SHARE = 0.3


def find(context: Context) -> Iterator[Suggestion]:
    """Each template whose answers are to a good part such fields, unless they were read."""
    groups = [(group, json_answers(group)) for group in context.templates]
    if not any(answers and _explaining(answers) for _, answers in groups):
        return
    watched = watched_answers(context).values()
    read = {path for each in watched for path in each.read}
    for group, answers in groups:
        if answers is None or len(answers) < FEW_CALLS:
            continue
        fields = [path for path in _explaining(answers) if path not in read]
        unseen = not any(path in each.had for each in watched for path in fields)
        found = fewer_fields(
            context,
            group,
            answers,
            fields,
            rule=NAME,
            title=f"Do without {shown_fields(fields)} in the answers of {group.subject}",
            evidence=(
                Evidence("fields that explain", ", ".join(fields)),
                Evidence("reads of them", "not watched" if unseen else "none"),
            ),
            preconditions=_preconditions(answers, fields, unseen=unseen),
            seen=len(answers),
            enough=ENOUGH_CALLS,
            least_tokens=_LEAST_TOKENS,
            least_share=_LEAST_SHARE,
        )
        if found is not None:
            yield found


def _explaining(answers: JsonAnswers) -> list[str]:
    """Paths of texts under such names in at least half of the answers."""
    counts: dict[str, int] = {}
    for found in answers.found:
        # Steps in a list ("reasoning[]") are that field's.
        texts = {path.removesuffix("[]") for path, item in leaves(found.value)
                 if isinstance(item, str)}  # fmt: skip
        for path in sorted(texts):
            if _explains(path.rpartition(".")[2]):
                counts[path] = counts.get(path, 0) + 1
    return [path for path, times in counts.items() if times >= 0.5 * len(answers)]


def _explains(name: str) -> bool:
    if name.lower() in _NAMES or has_any(name, _WORDS):
        return True
    return has_any(name, _OF) and has_any(name, _WAY)


def _preconditions(answers: JsonAnswers, fields: list[str], *, unseen: bool) -> tuple[str, ...]:
    found = []
    if unseen:
        found.append("Nothing shows or reads it: watch_fields(answer) in your code would tell.")
    first = next(iter(answers.found[0].value), None) if answers.found else None
    if first in fields:
        found.append(
            "It stands before the answer, which may be better for it: compare answers on some "
            "recorded requests, or ask for a few words instead."
        )
    return tuple(found)
