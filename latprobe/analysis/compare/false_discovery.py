"""Many questions at once: how sure each answer has to be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def false_discovery_rate(p_values: Sequence[float]) -> list[float]:
    """Adjusted values: calling all up to q a change makes at most a share q of the calls wrong.

    Benjamini and Hochberg, "Controlling the False Discovery Rate" (1995).
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")[::-1]
    adjusted = np.empty(count)
    least = 1.0
    for rank, place in enumerate(order.tolist()):
        least = min(least, p_values[place] * count / (count - rank))
        adjusted[place] = least
    return [float(each) for each in adjusted]


def any_false_alarm(p_values: Sequence[float]) -> list[float]:
    """Adjusted values: the chance of even one wrong call among all up to q is at most q.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
    """
    adjusted = [0.0] * len(p_values)
    most = 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable").tolist()):
        most = max(most, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = most
    return adjusted
