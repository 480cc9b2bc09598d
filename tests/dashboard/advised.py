"""Advice for the Advice page's tests, and the page as it is drawn for it."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

from latprobe.advice.answer import Advice, Combined, Ranked
from latprobe.advice.suggestion import Evidence, Gain, Sample, Saving, Suggestion, not_enough
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import EVERYTHING
from latprobe.analysis.whatif import Scale
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import advice_queries, data
from tests.waiting import wait_until

PAGE = "from latprobe_dashboard.pages import advice\nadvice.render()\n"
HOSTILE = "<script>alert(1)</script>\u202e"

FIRST = Suggestion(
    rule="output_format",
    subject="llm.answer",
    title="Ask for compact JSON in llm.answer: 210 -> 95 output tokens",
    evidence=(Evidence("answers", 60, "calls"), Evidence("indented", 0.9, "share")),
    how="Say `compact` in the prompt.\nDrop the fences.",
    verify="`latprobe prompts`: output tokens of llm.answer fall to about 95.",
    effort="low",
    saving=Saving(
        "latency_model",
        p50_ms=Gain(400.0, 300.0, 500.0),
        p95_ms=Gain(600.0, 500.0, 700.0),
        output_tokens=115.0,
        cost_usd_per_1000=Gain(0.12),
    ),
    link="https://example.com/docs",
    preconditions=("Nothing parses the spaces.",),
    changes=(Scale("llm.answer", 0.7),),
    sample=Sample('{\n "a": 1\n}', '{"a":1}', 9, 5, "lossless", "decoded and equal"),
)
SECOND = Suggestion(
    rule="output_limit",
    subject="llm.answer",
    title=f"Set max_tokens {HOSTILE}",
    evidence=(Evidence(HOSTILE, HOSTILE),),
    how=HOSTILE,
    verify=HOSTILE,
    effort="medium",
    saving=Saving("bound", p95_ms=Gain(100.0)),
    link="javascript:alert(1)",
)
UNCLEAR = not_enough(
    rule="cold_starts",
    subject="llm",
    title="Warm the model up",
    refusal=Refusal("3 starts are too few; record 20 or more."),
)
ADVICE = Advice(
    requests=60,
    p50_ms=1_700.0,
    p95_ms=2_500.0,
    ranked=(
        Ranked(FIRST, 0.24, 0.24),
        Ranked(SECOND, 0.01, 0.04, overlaps=(FIRST.id,), left_share=0.25),
    ),
    unclear=(UNCLEAR,),
    combined=Combined((FIRST.id, SECOND.id), Saving("replay"), 1_300.0, 1_850.0),
    notes=("2 of 60 model calls' texts were not kept.",),
)


def unattended(home: Path) -> Reader:
    """The store without an agent."""
    return open_reader(home, start_agent=False)


def drawn_page(home: Path) -> AppTest:
    """The page with its advice there: the second run, once it is worked out."""
    data.use_store(home, opener=unattended)
    app = AppTest.from_string(PAGE, default_timeout=60)
    app.run()
    assert [error.value for error in app.exception] == []
    asked = advice_queries.given(EVERYTHING)
    wait_until(lambda: asked.is_there, timeout_s=60)
    rows = advice_queries.applied()
    if rows:
        wait_until(lambda: advice_queries.verified(rows).begin().is_there, timeout_s=60)
    app.run()
    assert [error.value for error in app.exception] == []
    return app


def markup(app: AppTest) -> str:
    """All of its HTML."""
    return "".join(element.proto.body for element in app.get("html"))
