"""Predicted against measured, once a suggestion was followed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from latprobe.advice.applied import Applied, mark, read_applied, unmark
from latprobe.advice.context import Context
from latprobe.advice.like_for_like import like_for_like
from latprobe.advice.marking import marked
from latprobe.advice.no_change import requests_to_tell
from latprobe.advice.saving import predicted, with_tokens
from latprobe.advice.suggestion import Suggestion
from latprobe.advice.verify import Verified, count_after, verify, verify_all
from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif import Change, Parallel, Scale
from latprobe.errors import StoreError, UsageError
from tests.advice.pipelines import Recording
from tests.analysis.seeding import EPOCH_NS, MemoryStore

BEFORE = 150


def store(
    after: int = 150,
    *,
    llm_ms: float = 400,
    at_once: bool = True,
    words: int = 10,
    scan_ms: float = 60,
) -> tuple[MemoryStore, int]:
    """Requests before a change (search and read in turn, an llm of 800 ms and 20 words) and after
    it, with the time between them in ns."""
    recording = Recording(seed=3)
    for number in range(BEFORE + after):
        changed = number >= BEFORE
        if number == BEFORE:
            applied_ns = EPOCH_NS + int((recording.now_ms - 10) * 1e6)
        with recording.request("answer") as step:
            if changed and at_once:
                step.together([("search", 120), ("read", 150)])
            else:
                step.stage("search", 120)
                step.stage("read", 150)
            step.stage("scan", scan_ms if changed else 60)
            step.call("llm", llm_ms if changed else 800, prompt=[("user", "a b c")],
                      output=" word" * (words if changed else 20))  # fmt: skip
        with recording.request("index") as step:
            step.stage("other.work", 5000)
    if not after:
        applied_ns = EPOCH_NS + int(recording.now_ms * 1e6)
    return recording.query(), applied_ns


def suggestion(context: Context, name: str, change: Change, **tokens: float) -> Suggestion:
    saving = predicted(context, change)
    assert not isinstance(saving, str)
    return Suggestion(
        rule=name, subject=_stages(change), title=name, evidence=(), how="", verify="",
        effort="low",
        saving=with_tokens(saving, **tokens), changes=(change,),  # type: ignore[arg-type]  # tokens only
    )  # fmt: skip


def _stages(change: Change) -> str:
    if isinstance(change, Parallel):
        return f"{change.stage} + {change.other}"
    return getattr(change, "stage", "")


def followed(query: MemoryStore, applied_ns: int) -> tuple[Applied, ...]:
    """Both changes, predicted from the requests before. Only those called "answer" stay."""
    query.connection.execute("DELETE FROM spans WHERE name IN ('index', 'other.work')")
    context = Context(query, Scope(to_ns=applied_ns))
    both = [
        suggestion(context, "half", Scale("llm", 0.5), output_tokens=10.0),
        suggestion(context, "beside", Parallel("search", "read")),
    ]
    return marked(context, both, applied_ns=applied_ns)


def check(**options: float) -> Verified:
    query, applied_ns = store(**options)  # type: ignore[arg-type]  # of its options
    return verify(query, followed(query, applied_ns)[0])


def test_what_was_done_as_said_is_as_predicted() -> None:
    found = check()
    assert found.verdict == "as predicted"
    assert found.applied.requests == found.before.requests == BEFORE
    assert found.after.requests == 150
    assert found.after.p50_ms is not None
    assert found.applied.p50_after_ms == pytest.approx(found.after.p50_ms.value, rel=0.05)
    assert found.output_tokens_saved is not None
    assert found.output_tokens_saved.value == pytest.approx(10, abs=0.5)
    assert found.applied.output_tokens_saved == 10
    assert found.input_tokens_saved is not None
    assert found.input_tokens_saved.value == 0


def test_doing_half_of_it_is_less_and_doing_better_is_more() -> None:
    assert check(llm_ms=800, at_once=True).verdict == "less than predicted"
    assert check(llm_ms=100).verdict == "more than predicted"


def test_stages_that_moved_meanwhile_are_told_apart_from_the_change() -> None:
    query, applied_ns = store(scan_ms=400)
    found, _ = verify_all(query, followed(query, applied_ns))
    assert found.verdict == "as predicted but for other stages"
    (words,) = found.meanwhile
    assert words.startswith("scan took 3")
    assert " ms of a request more since, which the change does not touch: like " in words
    alike = found.like_for_like
    assert alike is not None
    assert [each.ms for each in alike.drifts] == [pytest.approx(340, rel=0.1)]
    assert found.after.p50_ms is not None
    assert found.after.p95_ms is not None
    assert found.after.p50_ms.value == pytest.approx(950, rel=0.05)
    assert alike.p50_ms.value == pytest.approx(610, rel=0.05)
    assert alike.p95_ms.value == pytest.approx(found.after.p95_ms.value - 340, rel=0.05)
    assert found.to_json()["meanwhile"] == [words]


def test_a_change_that_was_not_made_is_not_excused_by_stages_that_moved() -> None:
    for scan_ms in (20, 400):
        query, applied_ns = store(scan_ms=scan_ms, llm_ms=800)
        found, _ = verify_all(query, followed(query, applied_ns))
        assert found.verdict == "less than predicted"
        assert found.like_for_like is not None
        assert found.like_for_like.p50_ms.value == pytest.approx(1010, rel=0.05)


def test_a_range_that_also_holds_no_change_is_said_to_prove_little() -> None:
    query, applied_ns = store()
    mark = followed(query, applied_ns)[0]
    wide = replace(mark, p50_low_ms=200.0, p50_high_ms=1_290.0, p50_after_ms=610.0,
                   p50_before_ms=1_010.0)  # fmt: skip
    found = verify(query, wide)
    assert found.outcome == "as predicted"
    assert found.verdict == "within the predicted range, which also allows no change"
    # The range reaches 680 ms over what is predicted, the gain is 400: 150 * 1.7 ** 2 would tell.
    assert requests_to_tell(wide) == 440
    assert "about 440 before and since would" in found.doubt
    assert found.to_json()["requests_to_tell"] == 440
    none = replace(wide, p50_after_ms=1_020.0)
    assert "no gain was predicted" in verify(query, none).doubt
    sure = verify(query, mark)
    assert (sure.allows_no_change, sure.doubt, sure.verdict) == (False, "", "as predicted")
    assert sure.to_json()["requests_to_tell"] is None


def nested(search_ms: float) -> tuple[MemoryStore, int]:
    """As `store`, but `search` is called by a `retrieve` that works for 200 ms itself."""
    recording = Recording(seed=3)
    for number in range(2 * BEFORE):
        changed = number >= BEFORE
        if number == BEFORE:
            applied_ns = EPOCH_NS + int((recording.now_ms - 10) * 1e6)
        with recording.request("answer") as step:
            with step.inside("retrieve") as retrieve:
                retrieve.wait(200)
                retrieve.stage("search", search_ms if changed else 100)
            step.stage("llm", 400 if changed else 800)
    return recording.query(), applied_ns


def test_what_a_stage_calls_is_not_its_own_drift() -> None:
    query, applied_ns = nested(search_ms=300)
    context = Context(query, Scope(to_ns=applied_ns))
    (half,) = marked(context, [suggestion(context, "half", Scale("llm", 0.5))],
                     applied_ns=applied_ns)  # fmt: skip
    alike = verify(query, half).like_for_like
    assert alike is not None
    assert [each.stage for each in alike.drifts] == ["search"]
    assert alike.p50_ms.value == pytest.approx(700, rel=0.05)


def test_what_the_change_brings_onto_the_path_is_no_drift() -> None:
    """`behind` took 500 ms beside an llm of 800: once that takes 300 ms, requests wait for it."""
    recording = Recording(seed=5)
    for number in range(2 * BEFORE):
        if number == BEFORE:
            applied_ns = EPOCH_NS + int((recording.now_ms - 10) * 1e6)
        with recording.request("answer") as step:
            step.together([("llm", 300 if number >= BEFORE else 800), ("behind", 500)])
    query = recording.query()
    context = Context(query, Scope(to_ns=applied_ns))
    marks = marked(
        context, [suggestion(context, "less", Scale("llm", 0.375))], applied_ns=applied_ns
    )
    found = verify(query, marks[0])
    assert (found.verdict, found.like_for_like) == ("as predicted", None)


def test_a_mark_whose_requests_before_are_no_longer_kept_is_still_measured() -> None:
    query, applied_ns = store(scan_ms=400)
    marks = followed(query, applied_ns)
    query.connection.execute("DELETE FROM spans WHERE start_ns < ?", [applied_ns])
    found, _ = verify_all(query, marks)
    assert (found.verdict, found.before.requests) == ("less than predicted", 0)
    assert found.meanwhile == ()


def test_a_stage_is_named_by_its_whole_name_and_with_what_it_calls() -> None:
    query, applied_ns = store(scan_ms=400)
    first, _ = followed(query, applied_ns)

    def moved(*subjects: str) -> list[str]:
        found = like_for_like(query, first, subjects=subjects, until_ns=None, seed=0)
        return [] if found is None else [each.stage for each in found.drifts]

    assert "scan" in moved("rescan + scan.page + llm")
    assert moved("rescan", "GPU 0") == []  # no stage is changed as far as is known
    assert "scan" not in moved("llm + scan")
    assert moved("answer") == []


def test_few_requests_since_say_nothing_yet() -> None:
    assert check(after=7).verdict == "not enough requests yet (7 of 20)"
    found = check(after=0)
    assert found.verdict == "not enough requests yet (0 of 20)"
    assert (found.after.p50_ms, found.output_tokens_saved) == (None, None)


def test_marks_name_one_service_and_one_root_and_each_other() -> None:
    query, applied_ns = store(after=0)
    first, second = followed(query, applied_ns)
    assert (first.service, first.root) == ("app", "answer")
    assert (first.together, second.together) == ((second.id,), (first.id,))
    assert first.p50_after_ms == second.p50_after_ms


def test_requests_with_another_root_are_not_measured() -> None:
    query, applied_ns = store(after=30)
    first, _ = followed(query, applied_ns)
    other, _ = store(after=30)  # with the requests called "index" still in it
    assert verify(other, first).after.requests == 30
    assert count_after(other, first) == 30


def test_a_later_mark_ends_the_measuring_of_an_earlier_one() -> None:
    query, applied_ns = store(after=60)
    first, _ = followed(query, applied_ns)
    start_ns = query("SELECT start_ns FROM spans WHERE name = 'answer' ORDER BY 1")["start_ns"]
    later = Applied(
        id="later", rule="r", title="t", subject="s", service="app", root="answer",
        applied_ns=start_ns[BEFORE + 25].as_py(), from_ns=applied_ns, requests=25,
    )  # fmt: skip
    found = verify_all(query, [first, later])
    assert [each.after.requests for each in found] == [25, 35]
    assert found[1].verdict == "not predicted"


def test_a_suggestion_that_cannot_be_replayed_is_said_not_to_be_in_it() -> None:
    query, applied_ns = store(after=0)
    context = Context(query, Scope(to_ns=applied_ns))
    change = suggestion(context, "half", Scale("llm", 0.5))
    bound = Suggestion(rule="bound", subject="s", title="b", evidence=(), how="", verify="",
                       effort="low")  # fmt: skip
    rows = marked(context, [change, bound], applied_ns=applied_ns)
    assert rows[0].note == f"{bound.id} cannot be replayed and is not in the prediction."
    alone = marked(context, [bound], applied_ns=applied_ns)
    assert (alone[0].p50_after_ms, alone[0].note) == (None, None)


def test_json_has_the_prediction_and_the_measurement() -> None:
    row = check().to_json()
    assert row["outcome"] == "as predicted"
    assert isinstance(row["predicted"], dict)
    assert isinstance(row["measured"], dict)
    low, high = row["predicted"]["p50"]["ci95_ms"]
    assert low < row["measured"]["p50_ms"]["value"] < high


def test_marks_are_kept_replaced_and_taken_off(tmp_path: Path) -> None:
    assert read_applied(tmp_path) == ()
    query, applied_ns = store(after=0)
    first, second = followed(query, applied_ns)
    mark(tmp_path, [first, second])
    mark(tmp_path, [first])
    assert set(read_applied(tmp_path)) == {first, second}
    assert (tmp_path / "applied.json").stat().st_mode & 0o777 == 0o600
    unmark(tmp_path, first.id)
    assert read_applied(tmp_path) == (second,)
    with pytest.raises(UsageError, match="is not marked as applied"):
        unmark(tmp_path, first.id)


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "applied.json").write_text('[{"id": 1}]')
    with pytest.raises(StoreError, match="Move it away"):
        read_applied(tmp_path)
