"""A trial on a live model as text: what will be asked, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from latprobe.cli import figures, output
from latprobe.cli.output import Column

if TYPE_CHECKING:
    from latprobe.advice.replay.endpoint import Endpoint
    from latprobe.advice.replay.plan import Plan
    from latprobe.advice.replay.result import Against, Measured, Replayed

# More fields than this are named in --json.
_SHOWN_FIELDS = 10


def what_is_asked(planned: Plan, endpoint: Endpoint, variable: str) -> str:
    """How many calls, with how many tokens, at which price, go where, and with which key.

    `variable` is where the key comes from, empty for none.
    """
    return (
        f"{figures.many(planned.calls, 'call')} of {endpoint.model}: "
        f"{figures.many(len(planned.recorded), 'recorded prompt')}, "
        f"each as recorded and as suggested, go to {endpoint.shown_url}. That is "
        f"{_tokens(planned)} at {_price(planned)}; calls that "
        f"fail are tried again. {_key(endpoint, variable)}"
    )


def _tokens(planned: Plan) -> str:
    given, made = (
        "an unknown number of" if count is None else f"about {count:,}"
        for count in (planned.input_tokens_estimated, planned.output_tokens_estimated)
    )
    return f"{given} input and {made.removeprefix('about ')} output tokens"


def _price(planned: Plan) -> str:
    if planned.cost_usd_estimated is None:
        return "a price that is not known"
    basis = {
        "recorded calls": "what the recorded calls cost on average, cache reads included",
        "prices": "with nothing read from a cache",
    }.get(planned.cost_basis or "", "")
    return f"about {figures.usd(planned.cost_usd_estimated)} ({basis})"


def _key(endpoint: Endpoint, variable: str) -> str:
    host = urlsplit(endpoint.url).netloc
    if endpoint.key:
        return f"The key in {variable} is sent to {host}."
    return f"No key is sent: {variable} is not set." if variable else "No key is sent."


def verdict_line(found: Replayed) -> str:
    """The verdict in one sentence, with what it rests on."""
    percent = f"{100 * found.margin:.3g} %"
    return {
        "not worse": f"Not worse: agreement with recorded answers falls by less than {percent}.",
        "worse": "Worse: the answers agree less with the recorded ones, and not by chance.",
        "not shown": f"Not shown: a loss of {percent} is neither ruled out nor proved. Ask more "
        "requests (--requests), or allow more (--margin).",
        "not enough pairs": "Not enough answers to tell: "
        f"{figures.many(found.pairs, 'request')} answered in both arms.",
        "cannot tell": "Cannot tell: the model does not give its own recorded answers again.",
    }[found.verdict]


def print_replayed(found: Replayed) -> None:
    """Verdict, agreement, tokens and time of both arms, and the fields that lost most."""
    output.line(f"{found.id}  {found.title}", style="bold")
    output.line(verdict_line(found), style="bold")
    output.line(
        f"{found.pairs} of {figures.many(found.requests, 'request')} answered in both arms by "
        f"{found.model} at {found.url}, {figures.many(found.calls, 'call')}."
    )
    if found.stopped:
        output.line(f"Stopped early: {found.stopped}. What had come by then is judged.")
    for reason, count in found.failed.items():
        output.line(f"{figures.many(count, 'call')} {reason}.")
    if found.cut:
        output.line(f"{figures.many(found.cut, 'new answer')} ended at max_tokens.")
    if found.failed and found.billed_output_tokens is not None:
        output.line(
            f"All calls together were billed {found.billed_input_tokens or 0:,} input and "
            f"{found.billed_output_tokens:,} output tokens, as far as the server said."
        )
    rows = _rows(found)
    if rows:
        output.line()
        output.table(
            [Column("", "left"), Column("As recorded"), Column("As suggested"),
             Column("Difference"), Column("95 %")],
            rows,
        )  # fmt: skip
    _print_fields(found)
    for note in found.notes:
        output.line(f"Note: {note}")


def _rows(found: Replayed) -> list[list[str]]:
    rows = [
        [name, _percent(each.old), _percent(each.new), _points(each.difference),
         f"{_points(each.low)} to {_points(each.high)}"]
        for name, each in _shares(found)
    ]  # fmt: skip
    rows += [
        [name, _count(each.old), _count(each.new), f"{-each.saved:+,.0f}", _between(each)]
        for name, each in (
            ("output tokens", found.output_tokens),
            ("input tokens", found.input_tokens),
            ("p50 of a call, ms", found.p50_ms),
        )
        if each is not None
    ]
    return rows


def _shares(found: Replayed) -> Sequence[tuple[str, Against]]:
    both = (("agrees with recorded", found.agreement), ("has the recorded schema", found.schema))
    return [(name, each) for name, each in both if each is not None]


def _print_fields(found: Replayed) -> None:
    lost = [each for each in found.fields if each.new < each.old]
    if not lost:
        return
    output.line()
    output.table(
        [Column("Field that agrees less", "left"), Column("As recorded"), Column("As suggested")],
        [[each.path, _percent(each.old), _percent(each.new)] for each in lost[:_SHOWN_FIELDS]],
    )


def _between(each: Measured) -> str:
    if each.saved_low is None or each.saved_high is None:
        return ""
    return f"{-each.saved_high:+,.0f} to {-each.saved_low:+,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"
