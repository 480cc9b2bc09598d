"""The rule of an experiment and its text."""

from __future__ import annotations

import pytest

from latprobe.config import load_settings
from latprobe.delay_rule import DelayRule, parse_delay
from latprobe.errors import UsageError


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("rerank:20ms:10%", DelayRule("rerank", 20, 0.1)),
        ("rerank:20:0.1", DelayRule("rerank", 20, 0.1)),
        ("chat:gpt-4: 1.5ms : 5% ", DelayRule("chat:gpt-4", 1.5, 0.05)),
    ],
)
def test_text_is_read_and_written(text: str, rule: DelayRule) -> None:
    assert parse_delay(text, "LATPROBE_DELAY") == rule
    assert parse_delay(str(rule), "LATPROBE_DELAY") == rule


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rerank", 'write "stage:20ms:10%"'),
        ("rerank:soon:10%", 'write "stage:20ms:10%"'),
        (":20ms:10%", "needs the name of a stage"),
        ("rerank:0ms:10%", "write 1 to 60000"),
        ("rerank:nanms:10%", "cannot be meant"),
        ("rerank:20ms:100%", "leaves no requests to compare"),
        ("rerank:20ms:0%", "leaves no requests to compare"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match="LATPROBE_DELAY") as refused:
        parse_delay(text, "LATPROBE_DELAY")
    assert sentence in str(refused.value)


def test_the_environment_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATPROBE_DELAY", "rerank:20ms:10%")
    assert load_settings().delay == DelayRule("rerank", 20, 0.1)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9])
def test_the_share_is_kept_for_random_and_for_counted_ids(share: float) -> None:
    rule = DelayRule("rerank", 20, share)
    counted = list(range(1, 5_001))
    dated = [number << 96 for number in range(1, 5_001)]
    for ids in (counted, dated):
        chosen = sum(map(rule.chooses, ids)) / len(ids)
        assert abs(chosen - share) < 4 * (share * (1 - share) / len(ids)) ** 0.5


def test_an_id_always_gets_the_same_answer_and_stages_are_chosen_apart() -> None:
    ids = range(2_000)
    one, other = DelayRule("a", 1, 0.5), DelayRule("b", 9, 0.5)
    assert [one.chooses(each) for each in ids] == [DelayRule("a", 5, 0.5).chooses(i) for i in ids]
    both = sum(one.chooses(each) and other.chooses(each) for each in ids)
    assert 400 < both < 600
