"""Where the time goes for which there is no suggestion."""

from __future__ import annotations

from dataclasses import replace

from latprobe.advice.context import Context
from latprobe.advice.dominant import Dominant, dominant
from latprobe.advice.suggestion import Suggestion
from tests.advice.pipelines import Recording


def found(*stages: tuple[str, float], own_ms: float = 0.0) -> Dominant | None:
    recording = Recording(seed=1, spread=0.05)
    for _ in range(30):
        with recording.request("answer") as step:
            step.wait(own_ms)
            for name, ms in stages:
                if name == "llm":
                    step.call(name, ms, prompt=[("user", "a b c")], output=" word" * 20)
                else:
                    step.stage(name, ms, cpu_ns=int(ms * 1e6))
    return dominant(Context(recording.query()))


def test_a_model_is_named_with_its_tokens_and_work_on_the_cpu_as_such() -> None:
    model = found(("read", 50), ("llm", 950))
    assert model is not None
    assert model.words == "95 % of the time is llm, which reads 3 and writes 20 tokens a call."
    scan = found(("scan", 950), ("llm", 50))
    assert scan is not None
    assert scan.words == "95 % of the time is scan, which uses the CPU all that time."


def test_time_outside_of_all_stages_is_the_requests_own() -> None:
    own = found(("read", 100), own_ms=900)
    assert own is not None
    assert own.words.startswith("90 % of the time is answer outside of any stage in it")


def test_a_stage_whose_caller_was_lost_in_a_few_requests_is_no_request() -> None:
    recording = Recording(seed=1, spread=0.05)
    for number in range(40):
        if number % 20 == 7:
            with recording.request("scan") as step:
                step.stage("page", 900)
            continue
        with recording.request("answer") as step:
            step.stage("scan", 900)
            step.stage("read", 100)
    most = dominant(Context(recording.query()))
    assert most is not None
    assert (most.stage, most.is_request) == ("scan", False)


def test_it_is_beside_what_is_suggested_unless_a_suggestion_is_about_it() -> None:
    most = Dominant("scan.page", 0.77, "which waits for a server")
    other, near = suggestion("llm"), suggestion("rescan.page + scan.pages")
    assert most.beside([other, near], []) == (
        "77 % of the time is scan.page, which waits for a server: nothing that is suggested "
        "touches it."
    )
    own = suggestion("llm + scan.page")
    assert most.beside([other], [own]).endswith(": what was seen of it needs more data.")
    assert most.beside([other, own], []) == ""
    claimed = replace(other, claims=frozenset({("stage_time", "scan.page")}))
    assert most.beside([claimed], []) == ""
    assert most.beside([replace(other, stage="scan.page")], []) == ""


def suggestion(subject: str) -> Suggestion:
    return Suggestion(
        rule="r", subject=subject, title="", evidence=(), how="", verify="", effort="low"
    )


def test_where_no_stage_stands_out_none_is_named() -> None:
    assert found(*((f"part {n}", 100) for n in "abcd")) is None
