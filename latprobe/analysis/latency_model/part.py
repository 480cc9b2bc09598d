"""One part of a call's time (until the first token, decoding, or all) as a line through tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from latprobe.analysis.intervals import Floats, block_draws, block_length
from latprobe.analysis.latency_model.robust_line import (
    fit_line,
    fitted_times,
    least_time,
    refit_lines,
)
from latprobe.analysis.spans import Ints

Term = Literal["constant", "input", "output", "new_lengths"]
TOKEN_TERMS: tuple[Term, ...] = ("input", "output")
PartName = Literal["ttft", "decode", "duration"]

DRAWS = 200

# Blocks in time of which each is predicted from the others.
_FOLDS = 10
# A term that is not asked for by the user has to take this share off the held-out error.
_WORTH_A_TERM = 0.2
# The power of the spread is estimated where sqrt(calls) * spread of log(fitted) is over this.
_ENOUGH_RANGE = 4.0
# The spread of the logarithm of a normal residual's size.
_LOG_NOISE = 1.1
_LEAST_POWER_ERROR = 0.2
# Over 1 where a part that the tokens do not move is steadier than the rest.
_MOST_POWER = 1.25
# A call slower than nearly all is slow for a reason of its own, which does not shrink with it.
_SLOWEST = 0.99


@dataclass(frozen=True, slots=True)
class FittedPart:
    """`line` in ns a unit of each of `terms`; `draws` the same under each bootstrap draw.

    `spread_power`: residuals grow as fitted ** power; `spread_draws`: that power under each
    draw. `held_out_ns`: each call predicted from calls of other times. `skill`: the share by which
    these predictions miss less than one constant would (log scale). `slowest`: the relative
    residual that 1 % of held-out calls exceed. `block`: calls that the bootstrap drew together.
    """

    name: PartName
    terms: tuple[Term, ...]
    times_ns: Floats
    line: Floats
    draws: Floats
    spread_power: float
    spread_draws: Floats
    held_out_ns: Floats
    slowest: float
    skill: float
    block: int

    def fitted(self, columns: Mapping[Term, Floats], line: Floats | None = None) -> Floats:
        """The part's time for these tokens, under another line if given."""
        chosen = self.line if line is None else line
        return fitted_times(_design(self.terms, columns), chosen, self.times_ns)


def fit_part(
    name: PartName,
    terms: Sequence[Term],
    columns: Mapping[Term, Floats],
    times_ns: Floats,
    *,
    rng: np.random.Generator,
) -> FittedPart:
    """The line, its draws and its held-out predictions; `new_lengths` joins where it helps."""
    folds = fold_numbers(len(times_ns))
    chosen = tuple(terms)
    held_out = _held_out(_design(chosen, columns), times_ns, folds)
    if "output" in chosen and np.any(columns["new_lengths"] > 0):
        wider: tuple[Term, ...] = (*chosen, "new_lengths")
        other = _held_out(_design(wider, columns), times_ns, folds)
        if _miss(times_ns, other) < (1 - _WORTH_A_TERM) * _miss(times_ns, held_out):
            chosen, held_out = wider, other
    design = _design(chosen, columns)
    found = fit_line(design, times_ns)
    fitted = fitted_times(design, found.line, times_ns)
    block = block_length(times_ns / fitted)
    power = spread_power(times_ns, fitted)
    constant = _held_out(np.ones((len(times_ns), 1)), times_ns, folds)
    return FittedPart(
        name=name,
        terms=chosen,
        times_ns=times_ns,
        line=found.line,
        draws=refit_lines(design, times_ns, _counts(len(times_ns), block, rng), found),
        spread_power=power,
        spread_draws=_spread_draws(power, fitted, rng),
        held_out_ns=held_out,
        slowest=float(np.quantile(times_ns / held_out - 1, _SLOWEST)),
        skill=skill(times_ns, held_out, constant),
        block=block,
    )


def fold_numbers(count: int) -> Ints:
    """The block in time that each call is held out with."""
    return np.asarray(np.arange(count) * _FOLDS // max(count, 1))


def skill(times_ns: Floats, held_out_ns: Floats, constant_ns: Floats) -> float:
    """The share of the constant's error that the prediction saves; negative where it is worse."""
    base = _miss(times_ns, constant_ns)
    return 1 - _miss(times_ns, held_out_ns) / base if base > 0 else 0.0


def spread_power(times_ns: Floats, fitted_ns: Floats) -> float:
    """How residuals grow with the fitted time: 0 not at all, 1 in proportion, at most 1.25.

    In proportion where the fitted times are too alike to see it.
    """
    log_fitted = np.log(fitted_ns)
    centred = log_fitted - log_fitted.mean()
    if centred.std() * np.sqrt(len(centred)) < _ENOUGH_RANGE:
        return 1.0
    size = np.log(np.abs(times_ns - fitted_ns) + 1e-3 * fitted_ns)
    return float(np.clip(centred @ size / (centred @ centred), 0.0, _MOST_POWER))


def _spread_draws(power: float, fitted_ns: Floats, rng: np.random.Generator) -> Floats:
    """The power as uncertain as its regression, and at least as what it stands for: one power
    describes noise of several sources."""
    range_of = max(float(np.log(fitted_ns).std()), 1e-3)
    error = min(max(_LOG_NOISE / (np.sqrt(len(fitted_ns)) * range_of), _LEAST_POWER_ERROR), 0.5)
    drawn = power + error * rng.standard_normal(DRAWS)
    return np.asarray(np.clip(drawn, 0.0, _MOST_POWER + error))


def _miss(times_ns: Floats, predicted_ns: Floats) -> float:
    least = least_time(times_ns)
    ratio = np.maximum(times_ns, least) / np.maximum(predicted_ns, least)
    return float(np.abs(np.log(ratio)).sum())


def _held_out(design: Floats, times_ns: Floats, folds: Ints) -> Floats:
    numbers = np.unique(folds)
    weights = (folds[None, :] != numbers[:, None]).astype(np.float64)
    lines = refit_lines(design, times_ns, weights, fit_line(design, times_ns))
    mine = lines[np.searchsorted(numbers, folds)]
    return np.asarray(np.maximum((design * mine).sum(axis=1), least_time(times_ns)))


def _counts(calls: int, block: int, rng: np.random.Generator) -> Floats:
    drawn = block_draws(calls, rng=rng, draws=DRAWS, block=block)
    return np.stack([np.bincount(rows, minlength=calls) for rows in drawn]).astype(np.float64)


def _design(terms: Sequence[Term], columns: Mapping[Term, Floats]) -> Floats:
    return np.column_stack([columns[term] for term in terms])
