"""Whether decoding slows with the input: what a model in two parts leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from latprobe.analysis.intervals import Floats, interval_of
from latprobe.analysis.latency_model.fit_notes import correlation, ranks
from latprobe.analysis.latency_model.part import FittedPart, Term, fit_part
from latprobe.analysis.latency_model.slopes import NEGLIGIBLE, TokenRange

# Under this rank correlation of residuals with the input nothing is fitted.
_CORRELATED = 0.2
# A second look at the same calls has to be surer than the first.
_SURE = 0.99


def slows_with_context(
    parts: Sequence[FittedPart],
    columns: Mapping[Term, Floats],
    tokens: TokenRange,
    *,
    usual_ns: float,
    rng: np.random.Generator,
) -> bool:
    """True where decoding is surely slower after longer inputs, and by more than a little.

    A model's first token and its decoding both read the input; on most servers the second hardly
    notices.
    """
    decode = next((part for part in parts if part.name == "decode"), None)
    if decode is None:
        return False
    residual = decode.times_ns / decode.held_out_ns
    if correlation(ranks(columns["input"]), ranks(residual)) < _CORRELATED:
        return False
    terms = [term for term in decode.terms if term != "new_lengths"]
    wider = fit_part("decode", [*terms, "input"], columns, decode.times_ns, rng=rng)
    at = wider.terms.index("input")
    interval = interval_of(wider.draws[:, at], _SURE)
    moved = float(wider.line[at]) * (tokens.high - tokens.low) / usual_ns
    return interval is not None and interval.low > 0 and moved > NEGLIGIBLE
