"""The heaviest templates and what their prompts are made of."""

from __future__ import annotations

import json

from latprobe.analysis.scope import Scope
from latprobe.analysis.stable_prefix import StablePrefix
from latprobe.analysis.templates import PartUse, ToolUse, heaviest_templates, template_text
from tests.analysis.seeded_calls import CallStore, system_and_user, template_uuid


def filled() -> CallStore:
    store = CallStore()
    store.add_template(1, "translate")
    store.add_text(1, "You translate.")
    for number, word in enumerate(("cats", "dogs", "cows", "hens"), 2):
        store.add_text(number, f"Translate: {word} sleep")
    for trace in range(1, 5):
        store.add_call(
            trace,
            system_and_user(1, 1 + trace, 10 * trace),
            model="m",
            input_tokens=13 + 10 * trace,
            output_tokens=5,
            cache_read_tokens=13 if trace > 1 else 0,
            cost_usd=0.5 if trace < 4 else None,
            residual_input_tokens=0,
            stops_early=trace == 2,
            template_id=template_uuid(1),
            attributes=json.dumps({"gen_ai.conversation.id": f"chat {trace % 2}"}),
        )
        store.add_tool(trace, "search", called=trace == 1)
        store.add_tool(trace, "delete", called=False)
    return store


def test_a_template_has_these_figures() -> None:
    found = heaviest_templates(filled())
    assert len(found) == 1
    one = found[0]
    assert (one.template_id, one.name, one.stages, one.models) == (
        template_uuid(1).replace("-", ""),
        "translate",
        ("llm",),
        ("m",),
    )
    assert (one.calls, one.input_tokens, one.input_p50, one.output_tokens) == (4, 152, 38.0, 20)
    assert (one.cost_usd, one.unpriced_calls, one.stopped_calls) == (1.5, 1, 1)
    assert (one.cache_share, one.residual_input_tokens, one.is_exact) == (39 / 152, 0, True)


def test_its_parts_have_percentiles_and_shares() -> None:
    assert heaviest_templates(filled())[0].parts == (
        PartUse("input", "user", 4, 100, 25.0, 38.5, 100 / 152, False),
        PartUse("input", "system", 4, 40, 10.0, 10.0, 40 / 152, False),
        PartUse("input", "overhead", 4, 12, 3.0, 3.0, 12 / 152, False),
        PartUse("output", "output", 4, 20, 5.0, 5.0, 1.0, False),
    )


def test_the_start_that_all_calls_share_ends_within_the_first_part_that_differs() -> None:
    # The four texts have 21 characters each and 100 tokens together, and begin with "Translate: ".
    partial = round(len("Translate: ") * 100 / 84)
    typical = 10 + 25
    assert heaviest_templates(filled())[0].stable_prefix == StablePrefix(
        10, partial, (10 + partial) / typical, "user", 4
    )


def test_without_kept_texts_the_start_ends_before_the_part_that_differs() -> None:
    store = filled()
    store.connection.execute("UPDATE prompts SET text = NULL")
    assert heaviest_templates(store)[0].stable_prefix == StablePrefix(10, None, 10 / 35, "user", 4)


def test_one_odd_call_of_many_does_not_end_the_shared_start() -> None:
    store = CallStore()
    store.add_template(1, "t")
    for trace in range(1, 21):
        parts = system_and_user(7 if trace == 9 else 1, 100 + trace, 10)
        store.add_call(trace, parts, input_tokens=23, template_id=template_uuid(1))
    found = heaviest_templates(store)[0].stable_prefix
    assert found is not None
    assert (found.tokens, found.stopped_by) == (10, "user")


def test_repeated_texts_growth_and_unused_tools_are_seen() -> None:
    one = heaviest_templates(filled())[0]
    assert (one.repeated_tokens, one.repeated_share) == (30, 30 / 140)
    assert (one.growth_tokens_per_turn, one.conversations) == (20.0, 2)
    assert one.tools == (ToolUse("delete", 4, 0, None), ToolUse("search", 4, 1, None))
    assert one.unused_tools == ("delete",)


def test_a_merged_template_counts_for_the_one_it_joined() -> None:
    store = filled()
    store.add_template(2, "translate cats", merged_into=1)
    store.add_call(9, input_tokens=1000, template_id=template_uuid(2))
    assert [(one.name, one.calls) for one in heaviest_templates(store)] == [("translate", 5)]


def test_calls_without_a_prompt_are_a_row_of_their_own() -> None:
    store = filled()
    store.add_call(9, input_tokens=1000, stage="bare", is_exact=None)
    first = heaviest_templates(store, limit=1)[0]
    assert (first.template_id, first.stages, first.input_tokens) == (None, ("bare",), 1000)
    assert (first.parts, first.stable_prefix, first.is_exact) == ((), None, None)


def test_an_ids_first_digits_choose_a_template() -> None:
    store = filled()
    store.add_template(2**127, "other")
    store.add_call(9, input_tokens=1, template_id=template_uuid(2**127))
    found = heaviest_templates(store, template_id="8000")
    assert [one.name for one in found] == ["other"]
    assert template_text(store, template_uuid(2**127).replace("-", "")) == "text of other"
    assert template_text(store, "77") is None


def test_a_scope_without_calls_has_no_template() -> None:
    assert heaviest_templates(filled(), Scope(service="other")) == []
