"""Where the time goes for which there is no suggestion."""

from __future__ import annotations

from latprobe.advice.context import Context
from latprobe.advice.dominant import Dominant, dominant
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
    assert model.words == "95 % of their time is llm, which reads 3 and writes 20 tokens a call."
    scan = found(("scan", 950), ("llm", 50))
    assert scan is not None
    assert scan.words == "95 % of their time is scan, which uses the CPU all that time."


def test_time_outside_of_all_stages_is_the_requests_own() -> None:
    own = found(("read", 100), own_ms=900)
    assert own is not None
    assert own.words.startswith("90 % of their time is answer outside of any stage in it")


def test_where_no_stage_stands_out_none_is_named() -> None:
    assert found(*((f"part {n}", 100) for n in "abcd")) is None
