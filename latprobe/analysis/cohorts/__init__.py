"""Slow against fast: which attributes go with slow requests, and how sure that is."""

from __future__ import annotations

from latprobe.analysis.cohorts.finding import Finding
from latprobe.analysis.cohorts.slow_against_fast import SlowFast, slow_against_fast

__all__ = ["Finding", "SlowFast", "slow_against_fast"]
