"""What would make requests faster? Gains per stage, what-if, slow against fast, changes, load."""

from __future__ import annotations

from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif.gains import Gains
from latprobe_dashboard import analysis_queries, data, gain_words
from latprobe_dashboard.frame import sentence, show
from latprobe_dashboard.later import comes_soon, fill
from latprobe_dashboard.pages.gain_table import gain_table
from latprobe_dashboard.pages.load_summary import load_summary
from latprobe_dashboard.pages.mixed_services import say_mixed
from latprobe_dashboard.pages.slow_findings import change_points, slow_findings
from latprobe_dashboard.pages.whatif_panel import whatif_panel

TITLE, PATH, ICON = "Analyze", "analyze", ":material/query_stats:"
QUESTION = "What would make requests faster?"


def render() -> None:
    show(QUESTION, _body)


def _body(scope: Scope) -> None:
    gains = analysis_queries.gains(scope).begin()
    seen = data.overview(scope)
    stages = [row.name for row in seen.stages]
    modalities = {row.name: row.modality for row in seen.stages}
    say_mixed(scope, "what tells slow from fast may only be which service it is.")
    fill(gains, lambda found: sentence([gain_words.verdict(found)]), height=28)
    fill(gains, lambda found: gain_table(found, modalities), height=320)
    if not gains.is_there:
        return
    whatif_panel(scope, stages, _usual(gains.get(), stages))
    _findings(scope)


def _findings(scope: Scope) -> None:
    """What else goes with slow requests; asked last, and what takes longest when the rest is
    there."""
    load = analysis_queries.load(scope).begin()
    slow = analysis_queries.slow_fast(scope).begin()
    changes = analysis_queries.changes(scope)
    fill(
        slow,
        lambda found: slow_findings(found, key="lp_slow_fast"),
        height=160,
        words="Looking for what slow requests have in common…",
    )
    fill(
        changes,
        lambda found: change_points(found, key="lp_changes"),
        height=120,
        gives_way=not (comes_soon(slow) and comes_soon(load) and comes_soon(changes.begin())),
        words="Looking for when stages changed…",
    )
    fill(load, load_summary, height=120, words="Estimating how loaded each stage is…")


def _usual(found: Gains, stages: list[str]) -> str:
    """The stage that what-if begins with: the one to work on first."""
    gain = gain_words.best(found)
    named = gain.stage if gain is not None else stages[0]
    return named if named in stages else stages[0]
