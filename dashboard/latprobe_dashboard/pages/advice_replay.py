"""What a trial of a suggestion on a live model showed (`latprobe replay`), inside its card."""

from __future__ import annotations

from collections.abc import Callable

from latprobe.advice.replay.result import Against, Measured, Replayed, Verdict
from latprobe_dashboard import quantities, visitor
from latprobe_dashboard.pages.advice_words import inline

_WORDS: dict[Verdict, str] = {
    "not worse": "answers are not worse",
    "worse": "answers are worse",
    "not shown": "a loss is neither ruled out nor proved",
    "not enough pairs": "too few answers to tell",
    "cannot tell": "the model does not repeat its own answers",
}
_MOST_FIELDS = 5


def replay_block(found: Replayed) -> str:
    """The verdict, the figures that it rests on, and the fields that lost, as HTML."""
    tone = " lp-bad" if found.verdict == "worse" else ""
    rows = [
        _share("agreement with recorded answers", found.agreement),
        _share("answers with the recorded schema", found.schema),
        _measured("output tokens", found.output_tokens, quantities.count),
        _measured("input tokens", found.input_tokens, quantities.count),
        _measured("p50 of a call", found.p50_ms, quantities.milliseconds),
        _fields(found),
    ]
    facts = "".join(row for row in rows if row)
    return (
        '<p class="lp-sub">Tried on a live model</p>'
        f'<p class="lp-how"><span class="lp-tried{tone}">{_WORDS[found.verdict]}</span>'
        f" {_basis(found)}</p>"
        + (f'<dl class="lp-facts">{facts}</dl>' if facts else "")
        + "".join(f'<p class="lp-note">{inline(note, 300)}</p>' for note in found.notes)
    )


def _basis(found: Replayed) -> str:
    """How many answers of which model, when, and against which margin."""
    when = quantities.moment(found.at_ns, visitor.zone())
    stopped = f" Stopped early: {found.stopped}." if found.stopped else ""
    said = (
        f"{quantities.counted(found.pairs, 'request')} asked of {found.model} both ways on {when}; "
        f"a loss under {100 * found.margin:.3g} % counts as none.{stopped}"
    )
    return inline(said, 400)


def _share(name: str, each: Against | None) -> str:
    if each is None:
        return ""
    return (
        f"<dt>{name}</dt><dd>{quantities.share(each.old)} \u2192 {quantities.share(each.new)} "
        f"<small>({100 * each.low:+.1f} to {100 * each.high:+.1f} points)</small></dd>"
    )


def _measured(name: str, each: Measured | None, shown: Callable[[float | None], str]) -> str:
    if each is None:
        return ""
    return f"<dt>{name}</dt><dd>{shown(each.old)} \u2192 {shown(each.new)}</dd>"


def _fields(found: Replayed) -> str:
    lost = [each for each in found.fields if each.new < each.old][:_MOST_FIELDS]
    if not lost:
        return ""
    words = ", ".join(
        f"{each.path} {quantities.share(each.old)} \u2192 {quantities.share(each.new)}"
        for each in lost
    )
    return f"<dt>fields that agree less</dt><dd>{inline(words, 300)}</dd>"
