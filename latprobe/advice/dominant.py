"""Where the time of requests goes for which no change was found."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.advice.context import Context, StageFacts
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

    `what` says what is known of that time; "" where nothing is certain.
    """

    stage: str
    share: float
    what: str

    @property
    def words(self) -> str:
        """One sentence."""
        more = f", {self.what}" if self.what else ""
        return f"{100 * self.share:.0f} % of their time is {self.stage}{more}."


def dominant(context: Context) -> Dominant | None:
    """The stage that requests spend most of their time in; None where no one stands out."""
    facts = next(iter(context.stages.values()), None)
    if facts is None or facts.critical_share < LEAST_SHARE:
        return None
    name = facts.stats.name
    stage = f"{name} outside of any stage in it" if _is_request(context, name) else name
    return Dominant(stage, min(facts.critical_share, 1.0), _what(facts))


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
    """Whether requests are called so and have stages, which do not explain that share."""
    spans, tree = context.sampled.spans, context.sampled.tree
    roots = {spans.names[code] for code in spans.name[tree.root].tolist()}
    return name in roots and len(spans) > len(tree.root)
