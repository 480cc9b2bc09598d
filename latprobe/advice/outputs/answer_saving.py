"""What shorter answers save, where not every call of a template gives such an answer."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import Fewer, falls_to
from latprobe.advice.suggestion import Evidence

# Nearer to all calls than figures are shown.
_ALL = 0.995


@dataclass(frozen=True, slots=True)
class AnswerSaving:
    """`now` and `saved` are output tokens of an answer, on average over those that were read.

    `share`, 0..1, of the template's calls give such an answer; the others, such as those that ask
    for tools, write what they did before.
    """

    group: TemplateCalls
    now: float
    saved: float
    share: float

    @property
    def saved_a_call(self) -> float:
        """Output tokens saved, on average over all of the template's calls."""
        return self.saved * self.share

    @property
    def change(self) -> str:
        """The tokens before and after, as a title says them."""
        return f"{self.now:.0f} -> {self.now - self.saved:.0f} output tokens {self.each}"

    @property
    def each(self) -> str:
        """What `now` is the tokens of: a call, or an answer where not all calls give one."""
        return "a call" if self.share >= _ALL else "an answer"

    @property
    def verify(self) -> str:
        """What shows that it is so: the mean over all calls, as `latprobe prompts` has it."""
        now = self.group.output_tokens or self.now * self.share
        return falls_to(self.group.stage, "output", max(now - self.saved_a_call, 0.0))

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """How many calls it holds for; empty where it does for all."""
        if self.share >= _ALL:
            return ()
        return (Evidence("calls that give such an answer", round(self.share, 3), "share"),)

    def fewer(self, *, is_exact: bool, sentence: float = 0.0) -> Fewer:
        """The same for a call, on average; `sentence` tokens are added to the prompt of each."""
        return Fewer(
            output_tokens=self.saved_a_call,
            input_tokens=-sentence if sentence else 0.0,
            is_estimated=not is_exact,
        )


def answer_saving(
    group: TemplateCalls, *, now: float, saved: float, answers: int | None = None
) -> AnswerSaving:
    """`now` and `saved` as means over `answers` of those read; None: over all that were read."""
    read = len(group.answered)
    share = 1.0 if answers is None else min(answers / max(read, 1), 1.0)
    return AnswerSaving(group, now, saved, group.answering_share * share)
