"""Where most of the requests' time goes, and whether anything that is suggested is about that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from latprobe.advice.context import Context, StageFacts
from latprobe.advice.stage_words import is_named
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.verdict import certain_verdict

# A stage with less of the time does not dominate.
LEAST_SHARE = 0.3

_OWN_TIME = {
    "cpu-bound": "which uses the CPU all that time",
    "waiting": "which waits for something outside of its thread (a process, a disk, a network)",
    "server-bound": "which waits for a server",
}


@dataclass(frozen=True, slots=True)
class Dominant:
    """The stage with the greatest share (0..1) of the requests' time.

    `what` says what is known of that time; "" where nothing is certain. `is_request` where it is
    the requests' own time, outside of any stage in them.
    """

    stage: str
    share: float
    what: str
    is_request: bool = False

    @property
    def words(self) -> str:
        """One sentence."""
        return f"{self._start}."

    def beside(self, made: Sequence[Suggestion], unclear: Sequence[Suggestion]) -> str:
        """A sentence where none of the suggestions to make is about it; "" where one is."""
        if any(self._is_of(each) for each in made):
            return ""
        if any(self._is_of(each) for each in unclear):
            return f"{self._start}: what was seen of it needs more data."
        return f"{self._start}: nothing that is suggested touches it."

    @property
    def _start(self) -> str:
        where = f"{self.stage} outside of any stage in it" if self.is_request else self.stage
        more = f", {self.what}" if self.what else ""
        return f"{100 * self.share:.0f} % of the time is {where}{more}"

    def _is_of(self, suggestion: Suggestion) -> bool:
        claimed = {name for _, name in suggestion.claims}
        return (
            self.stage == suggestion.stage
            or self.stage in claimed
            or is_named(self.stage, suggestion.subject)
        )


def dominant(context: Context) -> Dominant | None:
    """The stage that requests spend most of their time in; None where no one stands out."""
    facts = next(iter(context.stages.values()), None)
    if facts is None or facts.critical_share < LEAST_SHARE:
        return None
    name = facts.stats.name
    share = min(facts.critical_share, 1.0)
    return Dominant(name, share, _what(facts), _is_request(context, name))


def _what(facts: StageFacts) -> str:
    stats = facts.stats
    if stats.input_tokens or stats.output_tokens:
        calls = max(stats.count, 1)
        mark = "~" if stats.tokens_estimated else ""
        return (
            f"which reads {mark}{(stats.input_tokens or 0) / calls:,.0f} and writes "
            f"{mark}{(stats.output_tokens or 0) / calls:,.0f} tokens a call"
        )
    return _OWN_TIME.get(certain_verdict(facts.path) or "", "")


def _is_request(context: Context, name: str) -> bool:
    """Whether requests are called so and have stages, which do not explain that share.

    A stage whose caller is not there yet, or was lost, looks like a request: most of its runs have
    to be requests.
    """
    spans, tree = context.sampled.spans, context.sampled.tree
    if name not in spans.names:
        return False
    code = spans.names.index(name)
    whole = int((spans.name[tree.root] == code).sum())
    return 2 * whole > int((spans.name == code).sum()) and len(spans) > len(tree.root)
