"""How loaded each stage is, what would saturate it, and what one more of it would give."""

from latprobe.analysis.load.report import LoadReport, StageLoad, load_report

__all__ = ["LoadReport", "StageLoad", "load_report"]
