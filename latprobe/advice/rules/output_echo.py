"""Answers that repeat long passages of their own prompt."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from latprobe.advice.call_texts import CallText
from latprobe.advice.compress.meter import Meter
from latprobe.advice.context import Context
from latprobe.advice.outputs.answer_saving import answer_saving
from latprobe.advice.outputs.echoes import Grams, apart, cut_out, word_count, words_of
from latprobe.advice.outputs.rewritten import rewritten
from latprobe.advice.outputs.template_calls import TemplateCalls, whole_parts
from latprobe.advice.outputs.token_saving import FEW_CALLS, token_suggestion
from latprobe.advice.suggestion import Evidence, Sample, Suggestion

NAME = "output_echo"

# A shorter span is a name, a title or a phrase that the answer needs.
_LEAST_WORDS = 12
_LEAST_SHARE = 0.25
_LEAST_TOKENS = 25
# Answers quote what was retrieved, as they should: there only whole passages count.
_ASKED = ("user", "history", "system")
_LEAST_SHOWN_WORDS = 40
# An answer that is all from the prompt is an extract, or a rewritten document (`whole_rewrite`):
# what it repeats is what was asked for. But who gives all of the question back extracts nothing.
_MOST_SHARE = 0.95
_MOSTLY = 0.6
_MARK = "…"
_Pair = tuple[str, str, float]


def find(context: Context) -> Iterator[Suggestion]:
    """Each template most of whose answers repeat a good part of the prompt."""
    for group in context.templates:
        answered = group.answered
        if len(answered) < FEW_CALLS:
            continue
        pairs = [_without_echo(call, text) for call, text in answered]
        is_all = median(share for _, _, share in pairs) > _MOST_SHARE
        if is_all and sum(_holds_the_question(*each) for each in answered) < _MOSTLY * len(pairs):
            continue
        echoing = [pair for pair in pairs if pair[2] >= _LEAST_SHARE]
        if len(echoing) < max(FEW_CALLS, _MOSTLY * len(pairs)):
            continue
        if sum(rewritten(call, text) is not None for call, text in answered) < 0.5 * len(pairs):
            yield from _suggestion(context, group, pairs, echoing)


def _without_echo(call: CallText, answer: str) -> _Pair:
    """(the answer, the answer without what it repeats, the share of its words that it repeats)."""
    parts = whole_parts(call)
    said = [part.text or "" for part in parts if part.kind in _ASKED]
    # What stands in a few-shot example is a form to be filled.
    shown = [part.text or "" for part in parts if part.kind not in (*_ASKED, "tools", "few_shot")]
    found = [
        *Grams(said).echoes(answer, least_words=_LEAST_WORDS),
        *Grams(shown).echoes(answer, least_words=_LEAST_SHOWN_WORDS),
    ]
    echoes = apart(found)
    words = max(word_count(answer), 1)
    return answer, cut_out(answer, echoes, _MARK), sum(echo.words for echo in echoes) / words


def _holds_the_question(call: CallText, answer: str) -> bool:
    """Whether all that the user said stands in the answer, in one piece, and more than that."""
    asked = [words_of(part.text or "") for part in whole_parts(call) if part.kind == "user"]
    longest = max(asked, key=len, default=[])
    answered = words_of(answer)
    return (
        _LEAST_WORDS <= len(longest) < len(answered)
        and f" {' '.join(longest)} " in f" {' '.join(answered)} "
    )


def _suggestion(
    context: Context,
    group: TemplateCalls,
    pairs: list[_Pair],
    echoing: list[_Pair],
) -> Iterator[Suggestion]:
    meter = Meter(group.model)
    before = meter.count_many([text for text, _, _ in pairs])
    after = meter.count_many([cut for _, cut, _ in pairs])
    saved = (sum(before) - sum(after)) / len(pairs)
    if saved < _LEAST_TOKENS:
        return
    now = sum(before) / len(pairs)
    less = answer_saving(group, now=now, saved=saved)
    old, new, _ = echoing[len(echoing) // 2]
    old_tokens, new_tokens = meter.count_many([old, new])
    yield token_suggestion(
        context,
        group,
        less.fewer(is_exact=meter.is_exact),
        rule=NAME,
        title=f"Stop {group.subject} from repeating its prompt: {less.change}",
        evidence=(
            Evidence("answers that repeat the prompt", len(echoing), f"of {len(pairs)}"),
            Evidence("share of words repeated", round(median(p[2] for p in echoing), 2), "share"),
            Evidence("output tokens now", round(now, 1), f"tokens {less.each}"),
            Evidence("output tokens without the repeated spans", round(now - saved, 1), "tokens"),
            *less.evidence,
        ),
        how="Say in the prompt: Do not repeat or restate the question or the given text; refer to "
        "passages by their number.\nYour code has the text already: put it in where it is shown.",
        verify=less.verify,
        link="https://developers.openai.com/api/docs/guides/latency-optimization",
        preconditions=("What reads the answer does not need the repeated text in it.",),
        sample=Sample(
            before=old,
            after=new,
            before_tokens=old_tokens,
            after_tokens=new_tokens,
            meaning="near",
            check=f"every span that was cut has {_LEAST_WORDS} words or more and stands word for "
            "word in the prompt (case and punctuation aside)",
        ),
        seen=len(pairs),
    )
