"""pytest plugin: `@pytest.mark.latprobe_budget(p95_ms=800, output_tokens=300)`.

A marked test is recorded into a store of its own for the session and fails when it took longer or
used more than its budget. Loads nothing of latprobe until such a test is collected.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from latprobe.budgeted_tests import BudgetSession

MARK = "latprobe_budget"
PROPERTY = "latprobe_budget"
_SIGNATURE = (
    f"{MARK}(p50_ms, p95_ms, input_tokens, output_tokens, cost_usd, stage=None, runs=1): fail when "
    "the test, or one of its stages, takes or uses more. It is run `runs` times."
)

_session: pytest.StashKey[BudgetSession] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _SIGNATURE)


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    if any(item.get_closest_marker(MARK) is not None for item in session.items):
        from latprobe.budgeted_tests import BudgetSession

        session.config.stash[_session] = BudgetSession()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    recording = pyfuncitem.config.stash.get(_session, None)
    markers = list(pyfuncitem.iter_markers(MARK))
    if recording is None or not markers:
        return (yield)
    from latprobe.budgeted_tests import parse_marker
    from latprobe.errors import UsageError

    wanted, refused = [], None
    try:
        wanted = [parse_marker(mark.args, mark.kwargs) for mark in markers]
        for _ in range(max(each.runs for each in wanted) - 1):
            recording.run_once(pyfuncitem)
    except UsageError as error:
        refused = str(error)
    if refused is not None:
        pytest.fail(f"latprobe: {refused}", pytrace=False)
    with recording.recorded(pyfuncitem.nodeid):
        result = yield
    lines, broken = recording.judge(pyfuncitem.nodeid, wanted)
    pyfuncitem.user_properties += [(PROPERTY, line) for line in lines]
    if broken:
        pytest.fail("\n".join(broken), pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The budgets of all tests; with pytest-xdist they come with the workers' reports."""
    lines = [
        (report.nodeid, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if not lines:
        return
    terminalreporter.section("latprobe budgets")
    width = max(len(nodeid) for nodeid, _ in lines)
    for nodeid, line in lines:
        terminalreporter.write_line(f"{nodeid:<{width}}  {line}")


def pytest_unconfigure(config: pytest.Config) -> None:
    recording = config.stash.get(_session, None)
    if recording is not None:
        recording.close()
