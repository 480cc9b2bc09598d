"""Cache opportunity: what caches would have answered of the calls that were recorded."""

from __future__ import annotations

from latprobe.analysis.cache.cache_report import CacheReport, StageCache, cache_report
from latprobe.analysis.cache.opportunity import CurvePoint, Limits, Opportunity

__all__ = ["CacheReport", "CurvePoint", "Limits", "Opportunity", "StageCache", "cache_report"]
