from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from latprobe.analysis.slack import slack_ns
from latprobe.analysis.whatif import Parallel, Remove, Scale
from latprobe.analysis.whatif.factors import below
from latprobe.analysis.whatif.graph import Floats, Graph, build_edges, levelled
from latprobe.analysis.whatif.parallel import start_together
from latprobe.analysis.whatif.precedence import Learner, Precedence
from latprobe.analysis.whatif.recording import Names, Recording, recording_of
from latprobe.analysis.whatif.replay import replay, request_ns
from tests.analysis.random_traces import broken_spans
from tests.analysis.seeding import MS, Seed, seed, table_of

ROOT = seed(1, None, "root", 0, 100)


def recorded(*seeds: Seed) -> tuple[Recording, Names, Precedence]:
    names, learner = Names(), Learner()
    found = recording_of(table_of(seeds), names)
    learner.add(found)
    return found, names, learner.finish()


def graph_of(found: Recording, precedence: Precedence) -> Graph:
    return levelled(build_edges(found, precedence), len(found), found.tree.root)


def after_ms(change: Scale | Remove | Parallel, *seeds: Seed) -> float:
    found, names, precedence = recorded(*seeds)
    edges, factor = build_edges(found, precedence), np.ones(len(found))
    if isinstance(change, Parallel):
        codes = names.codes[change.stage], names.codes[change.other]
        edges, _ = start_together(found, edges, *codes)
    else:
        value = change.factor if isinstance(change, Scale) else 0.0
        factor = below(found, names.codes[change.stage], value)
    graph = levelled(edges, len(found), found.tree.root)
    return float(request_ns(graph, replay(graph, factor))[0]) / MS


IN_TURN = (ROOT, seed(2, 1, "a", 10, 40), seed(3, 1, "b", 50, 90))
BESIDE = (
    ROOT,
    seed(2, 1, "a", 0, 30),
    seed(3, 1, "b", 0, 60),
    seed(4, 1, "c", 60, 95),
)
NESTED = (ROOT, seed(2, 1, "a", 10, 90), seed(3, 2, "b", 20, 50), seed(4, 2, "c", 55, 80))


@pytest.mark.parametrize(
    ("change", "seeds", "expected"),
    [
        (Scale("a", 0.5), IN_TURN, 85),
        (Remove("b"), IN_TURN, 60),
        (Scale("a", 3), IN_TURN, 160),
        (Scale("b", 0.5), BESIDE, 70),
        (Remove("b"), BESIDE, 70),  # a is waited for then
        (Scale("a", 1.5), BESIDE, 100),  # b is still the slower one
        (Scale("a", 3), BESIDE, 130),
        (Scale("a", 0.5), NESTED, 60),  # with all that is in it
        (Scale("b", 0.5), NESTED, 85),
        (Scale("root", 2), NESTED, 200),
        (Parallel("a", "b"), IN_TURN, 70),  # b starts 10 after a does: its caller's own work
        (Parallel("b", "a"), IN_TURN, 70),
    ],
)
def test_a_change_moves_what_waited_for_it(
    change: Scale | Remove | Parallel, seeds: tuple[Seed, ...], expected: float
) -> None:
    assert after_ms(change, *seeds) == expected


def test_what_comes_between_two_stages_is_waited_for_when_they_run_together() -> None:
    seeds = (
        ROOT,
        seed(2, 1, "a", 0, 30),
        seed(3, 1, "between", 30, 50),
        seed(4, 1, "b", 50, 70),
        seed(5, 1, "after", 70, 100),
    )
    assert after_ms(Parallel("a", "b"), *seeds) == 80


def test_what_ended_first_is_waited_for_though_another_way_was_longer() -> None:
    """a, then c; beside them b; e takes both. b ends even before a, and is no part of a's way."""
    seeds = [
        seed(span, parent, name, 200 * trace + begin, 200 * trace + end, trace)
        for trace, b_end in ((0, 15), (1, 40))
        for span, parent, name, begin, end in (
            (1, None, "root", 0, 100),
            (2, 1, "b", 0, b_end),
            (3, 1, "a", 0, 20),
            (4, 1, "c", 20, 60),
            (5, 1, "e", 60, 100),
        )
    ]
    assert after_ms(Scale("b", 5), *seeds) == 115


def test_stages_that_overlap_already_are_left_as_they_are() -> None:
    assert after_ms(Parallel("a", "b"), *BESIDE) == 100


def test_a_child_that_began_before_its_caller_on_another_clock_is_put_inside() -> None:
    seeds = [
        seed(1, None, "root", 0, 100),
        seed(2, 1, "call", 20, 80),
        seed(3, 2, "served", -500, -460),
        seed(4, 3, "inner", -490, -470),
    ]
    table = table_of(seeds).append_column("pid", [[1, 1, 2, 2]])
    found = recording_of(table, Names())
    begin = int(found.spans.start_ns[found.tree.root[0]])
    by_id = {
        int(span): (int(s - begin) // MS, int(e - begin) // MS)
        for span, s, e in zip(
            found.spans.span_id, found.spans.start_ns, found.spans.end_ns, strict=True
        )
    }
    assert by_id == {1: (0, 100), 2: (20, 80), 3: (30, 70), 4: (40, 60)}


def test_slack_is_how_much_longer_a_span_could_take() -> None:
    found, _, precedence = recorded(*BESIDE)
    slack = dict(zip(found.spans.span_id.tolist(), slack_ns(found, precedence) / MS, strict=True))
    assert slack == {1: 0, 2: 30, 3: 0, 4: 0}


@settings(max_examples=200, deadline=None)
@given(broken_spans())
def test_whatever_was_recorded_replays_as_it_was_and_follows_its_waits(seeds: list[Seed]) -> None:
    found, names, precedence = recorded(*seeds)
    graph = graph_of(found, precedence)
    _gives_back_exactly_what_was_recorded(found, graph)
    _takes_twice_as_long_when_everything_does(found, graph)
    slack = slack_ns(found, precedence)
    for code in names.codes.values():
        took = request_ns(graph, replay(graph, below(found, code, 1.0)))
        assert took.tolist() == found.spans.duration_ns[found.tree.root].tolist()
        _still_waits_for_what_it_waited_for(graph, below(found, code, 0.3))
        _is_no_faster_without_what_has_slack(found, graph, slack, below(found, code, 0.0))


def _gives_back_exactly_what_was_recorded(found: Recording, graph: Graph) -> None:
    moment = replay(graph, np.ones(len(found)))
    took = found.spans.duration_ns
    assert graph.unused == 0
    assert request_ns(graph, moment).tolist() == took[found.tree.root].tolist()
    assert (moment[len(found) :] - moment[: len(found)]).tolist() == took.tolist()


def _takes_twice_as_long_when_everything_does(found: Recording, graph: Graph) -> None:
    took = request_ns(graph, replay(graph, np.full(len(found), 2.0)))
    assert took.tolist() == (2 * found.spans.duration_ns[found.tree.root]).tolist()


def _still_waits_for_what_it_waited_for(graph: Graph, factor: Floats) -> None:
    moment, edges = replay(graph, factor), graph.edges
    late = moment[edges.source] + edges.work_ns * factor[edges.owner] - moment[edges.target]
    assert (late <= 1e-3).all()


def _is_no_faster_without_what_has_slack(
    found: Recording, graph: Graph, slack: Floats, factor: Floats
) -> None:
    if ((slack > 0) | (factor == 1.0)).all():
        took = request_ns(graph, replay(graph, factor))
        assert took.tolist() == found.spans.duration_ns[found.tree.root].tolist()
