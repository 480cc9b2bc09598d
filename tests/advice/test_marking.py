"""Which requests a suggestion is marked on, beside marks that still wait for theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from latprobe.advice.advisor import advise
from latprobe.advice.applied import mark
from latprobe.advice.marking import follow
from latprobe.analysis.scope import EVERYTHING
from tests.advice.pipelines import Recording
from tests.analysis.seeding import EPOCH_NS


def searches_in_turn() -> Recording:
    recording = Recording(seed=4)
    for number in range(60):
        with recording.request("answer") as step:
            step.stage("retrieve.documents", 150.0)
            step.stage("retrieve.tickets", 160.0)
            step.call("llm", 300, prompt=[("user", f"What of {number}?")], output="It is late.")
    return recording


def test_a_mark_that_waits_for_a_pipeline_which_stopped_is_in_nobodys_way(tmp_path: Path) -> None:
    query = searches_in_turn().query()
    found = advise(query).ranked[0].suggestion
    at_ns = EPOCH_NS + 10**15
    (first,) = follow(query, tmp_path, EVERYTHING, [found.id], at_ns=at_ns)
    long_ago = replace(first, id="0" * len(first.id), service="stopped", applied_ns=EPOCH_NS + 1)
    mark(tmp_path, [long_ago])

    (again,) = follow(query, tmp_path, EVERYTHING, [found.id], at_ns=at_ns)

    assert replace(again, together=first.together) == first
