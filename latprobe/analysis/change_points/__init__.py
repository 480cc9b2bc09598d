"""Change points: when a stage, or a template's calls, began to take another time."""

from __future__ import annotations

from latprobe.analysis.change_points.change import Change
from latprobe.analysis.change_points.find_changes import Changes, find_changes

__all__ = ["Change", "Changes", "find_changes"]
