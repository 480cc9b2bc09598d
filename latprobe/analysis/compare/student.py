"""Student's t without tables: Wallace's normal approximation (1959), good to 0.001 from 3 degrees
of freedom on."""

from __future__ import annotations

from math import exp, expm1, log1p, sqrt
from statistics import NormalDist

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.975)


def one_sided_p(value: float, error: float, freedom: float) -> float:
    """The chance of so high a value, or higher, when the truth is 0. Without error: 0 or 1."""
    if error < 1e-12:
        return 0.0 if value > 1e-9 else 1.0
    t = value / error
    z = sqrt(freedom * log1p(t * t / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)
    return _NORMAL.cdf(-z if t > 0 else z)


def two_sided_width(freedom: float) -> float:
    """How much wider a 95 % interval of so many degrees of freedom is than a normal one."""
    z = _Z95 * (8 * freedom + 3) / (8 * freedom + 1)
    return sqrt(freedom * expm1(z * z / freedom)) / _Z95 if z * z / freedom < 50 else exp(25)
