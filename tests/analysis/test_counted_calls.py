"""The calls that count, asked for once for several questions."""

from __future__ import annotations

import pytest

from latprobe.analysis import counted_calls
from latprobe.analysis.counted_calls import CallsSql, calls_sql, settled_calls_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from tests.analysis.seeded_calls import CallStore, template_uuid
from tests.analysis.seeding import EPOCH_NS

S = 1_000_000_000


def filled() -> CallStore:
    """A plain call, a call that its agent's span repeats, and a chat that embeds its question."""
    store = CallStore()
    store.add_template(1, "answer")
    store.add_template(2, "special case", merged_into=1)
    store.add_call(1, input_tokens=35, model="m", template_id=template_uuid(1))
    store.add_call(2, input_tokens=10, stage="agent", model="m")
    store.add_call(
        2, input_tokens=10, span_id=2, parent=1, stage="client", template_id=template_uuid(2)
    )
    store.add_call(3, input_tokens=20, stage="chat")
    store.add_call(3, input_tokens=4, span_id=2, parent=1, stage="embed", operation="embeddings")
    return store


def stages(store: CallStore, calls: CallsSql) -> list[tuple[str, int, str | None]]:
    before, parameters = calls
    sql = f"{before} SELECT stage, input_tokens, template::VARCHAR AS t FROM calls ORDER BY ALL"
    return [tuple(row.values()) for row in store(sql, parameters).to_pylist()]


@pytest.mark.parametrize("most_repeated", [50_000, 0])
@pytest.mark.parametrize(
    ("scope", "template", "expected"),
    [
        (EVERYTHING, None, ["chat", "client", "embed", "llm"]),
        (Scope(from_ns=EPOCH_NS + 2 * S), None, ["chat", "client", "embed"]),
        (Scope(stage="agent"), None, []),
        (EVERYTHING, template_uuid(1), ["client", "llm"]),
    ],
)
def test_they_are_the_same_as_when_each_question_finds_them(
    scope: Scope,
    template: str | None,
    expected: list[str],
    most_repeated: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counted_calls, "_MOST_REPEATED", most_repeated)
    store = filled()
    settled = stages(store, settled_calls_sql(store, scope, template_id=template))
    assert settled == stages(store, calls_sql(scope, template_id=template))
    assert [stage for stage, _, _ in settled] == expected
