"""JSON answers written longer than they need be: blanks, line ends, long keys, keys in each row."""

from __future__ import annotations

from collections.abc import Iterator

from latprobe.advice.context import Context
from latprobe.advice.outputs.answer_formats import Encoding, encodings_for
from latprobe.advice.outputs.answer_saving import answer_saving
from latprobe.advice.outputs.json_answers import compact
from latprobe.advice.outputs.reading_answers import JsonAnswers, json_answers
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import FEW_CALLS, token_suggestion
from latprobe.advice.suggestion import Evidence, Sample, Suggestion, not_enough
from latprobe.analysis.refusal import Refusal

NAME = "output_format"

# Less is what another blank makes, and is within what answers differ by from day to day.
_LEAST_SHARE = 0.15
_LEAST_TOKENS = 10
# A format that models see less often has to save so much more than a plainer one.
_WORTH_A_NEW_FORMAT = 0.15
# Without texts, only answers of this length are worth saying that nothing can be seen of them.
_LONG_TOKENS = 300


def find(context: Context) -> Iterator[Suggestion]:
    """Each template whose JSON answers have a shorter form that is read back equal."""
    for group in context.templates:
        if group.hides_text and group.output_tokens >= _LONG_TOKENS:
            yield _unseen(group)
        answers = json_answers(group)
        if answers is not None and len(answers) >= FEW_CALLS:
            yield from _shorter(context, group, answers)


def _shorter(context: Context, group: TemplateCalls, answers: JsonAnswers) -> Iterator[Suggestion]:
    plain = [answer.text for answer in answers.found]
    before = answers.mean_of(plain)
    best: tuple[float, Encoding] | None = None
    for encoding in encodings_for([answer.value for answer in answers.found]):
        if not all(encoding.keeps(answer.value) for answer in answers.found):
            continue
        tokens = answers.mean_of([encoding.encode(answer.value) for answer in answers.found])
        if best is None or best[0] - tokens >= _WORTH_A_NEW_FORMAT * before:
            best = (tokens, encoding)
    if best is None:
        return
    after, encoding = best
    if before - after < max(_LEAST_TOKENS, _LEAST_SHARE * answers.mean_tokens):
        return
    yield _suggestion(context, group, answers, encoding, saved=before - after)


def _suggestion(
    context: Context,
    group: TemplateCalls,
    answers: JsonAnswers,
    encoding: Encoding,
    *,
    saved: float,
) -> Suggestion:
    at = answers.typical()
    old = answers.found[at]
    new = encoding.encode(old.value)
    old_tokens, new_tokens = answers.meter.count_many([old.text, new])
    (sentence,) = answers.meter.count_many([encoding.sentence])
    less = answer_saving(group, now=answers.mean_tokens, saved=saved, answers=len(answers))
    return token_suggestion(
        context,
        group,
        less.fewer(is_exact=answers.meter.is_exact, sentence=sentence),
        rule=NAME,
        title=f"Ask for {encoding.name} in {group.subject}: {less.change}",
        evidence=(
            Evidence("JSON answers re-encoded", len(answers)),
            Evidence("output tokens now", round(less.now, 1), f"tokens {less.each}"),
            Evidence("output tokens in the new format", round(less.now - saved, 1), "tokens"),
            *less.evidence,
            Evidence("answers with line breaks", _spread_out(answers), "share"),
            Evidence("tokens of the new sentence in the prompt", sentence, "tokens"),
        ),
        how=f"Say in the prompt: {encoding.sentence}\n{encoding.reader}",
        verify=less.verify,
        link="https://developers.openai.com/api/docs/guides/latency-optimization",
        preconditions=("Try it on some recorded requests: a model may answer less well in a "
                       "format that it sees seldom.",) if encoding.columns or encoding.legend
        else (),
        sample=Sample(
            before=old.text,
            after=new,
            before_tokens=old_tokens,
            after_tokens=new_tokens,
            meaning="lossless",
            check=f"{len(answers)} recorded answers were written in it, read back, and equal",
        ),
        seen=len(answers),
    )  # fmt: skip


def _spread_out(answers: JsonAnswers) -> float:
    return round(sum("\n" in a.text and a.text != compact(a.value) for a in answers.found)
                 / len(answers), 2)  # fmt: skip


def _unseen(group: TemplateCalls) -> Suggestion:
    return not_enough(
        rule=NAME,
        subject=group.subject,
        title=f"See what the {group.output_tokens:.0f} output tokens of {group.subject} are",
        refusal=Refusal(
            "Only hashes and lengths of these answers were recorded, so their format cannot be "
            "seen; record content (LATPROBE_CONTENT) for some requests."
        ),
        evidence=(Evidence("output tokens now", round(group.output_tokens, 1), "tokens"),),
        stage=group.stage,
    )
