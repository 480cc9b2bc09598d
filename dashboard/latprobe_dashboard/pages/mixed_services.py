"""What a page says where several programs are looked at as one."""

from __future__ import annotations

import streamlit as st

from latprobe.analysis.scope import Scope
from latprobe_dashboard import data


def say_mixed(scope: Scope, consequence: str) -> None:
    """A note with what that means for the page; nothing where one service is looked at."""
    services = {
        run.service
        for run in data.runs()
        if scope.run_id in (None, run.run_id)
        and scope.service in (None, run.service)
        and scope.version in (None, run.version, run.git_commit)
    }
    if len(services) > 1:
        st.html(
            f'<p class="lp-note">Requests of {len(services):,} services are looked at as one: '
            f"{consequence} Choose one above.</p>"
        )
