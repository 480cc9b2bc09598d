"""One call after the other: its parts, its counts, its cost, its template, as rows."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from latprobe.config import Settings
from latprobe.errors import UsageError
from latprobe.otel.content_names import PARTS_NAME
from latprobe.store.call_rows import clean_text, part_row, prompt_row, usage_row
from latprobe.store.content_memory import ContentMemory
from latprobe.store.counting_rules import CountingRules
from latprobe.store.prompt_name import prompt_name
from latprobe.store.token_calls import Call, known_texts
from latprobe.store.token_memory import calibration_rows, observe
from latprobe.store.token_rows import CountedRows, Row, uuid_bytes
from latprobe.tokens.anatomy import Anatomy, CountText, anatomy
from latprobe.tokens.calibration import Calibration
from latprobe.tokens.counted_texts import CountedTexts
from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.dissect import dissect
from latprobe.tokens.ledger import LedgerRow, settle_call
from latprobe.tokens.models import resolve
from latprobe.tokens.part import Dissected, Part
from latprobe.tokens.prices import UNPRICED, Cost
from latprobe.tokens.repeated_examples import RepeatedExamples
from latprobe.tokens.reported_media import reported_media
from latprobe.tokens.retrieved import split_known
from latprobe.tokens.templates import CallKey, TemplateMiner

log = logging.getLogger("latprobe.agent")

# Digests of parts that are known to be stored: a system prompt is offered to the store once.
_MAX_STORED = 100_000
# What strange content can raise. Its call keeps the usage that was reported.
CONTENT_ERRORS = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip
_MODEL_OPERATIONS = frozenset({"chat", "text_completion", "generate_content", "embeddings"})

REPORTED = "provider"


class _Content(NamedTuple):
    """A call's parts, None without content. `is_kept`: their texts may be stored."""

    parts: Dissected | None
    is_kept: bool
    problem: str | None = None


class _Settled(NamedTuple):
    call: Call
    row: Row
    dissected: Dissected | None


class Counting:
    """What is remembered from call to call. Not for several threads.

    Raises UsageError for settings that cannot be meant.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        templates: TemplateMiner,
        calibration: Calibration,
        memory: ContentMemory,
        examples: RepeatedExamples | None = None,
    ) -> None:
        self._counter = TokenCounter()
        self.rules = CountingRules(settings)
        self._max_bytes = settings.content_max_bytes
        self._templates = templates
        self._calibration = calibration
        self._memory = memory
        self._examples = examples or RepeatedExamples()
        self._has_learned = False
        self._stored: OrderedDict[bytes, None] = OrderedDict()

    def count(self, calls: Iterable[Call], *, rest: Callable[[], None]) -> CountedRows:
        """The rows of these calls; `rest` is called between them."""
        rows = CountedRows()
        opened = []
        with CountedTexts(self._counter) as texts:
            for call in calls:
                content = self._open(call)
                opened.append((call, content))
                if content.parts is not None and self._custom(call) is None:
                    encoding = resolve(call.said.model, call.said.provider).encoding
                    texts.add(content.parts.parts, encoding)
                rest()
            texts.all_added()
            settled = []
            for call, content in opened:
                one = self._settle(call, content, texts, rows)
                if one is not None:
                    settled.append(one)
                rest()
        rows.examples = self._examples.take_found()
        self._group(settled, rows)
        rows.usage.extend(one.row for one in settled)
        rows.calibrations = calibration_rows(self._calibration) if self._has_learned else None
        self._has_learned = False
        return rows

    def note_stored(self, rows: CountedRows) -> None:
        """These rows are in the store."""
        for digest in rows.prompts:
            self._stored[digest] = None
            self._stored.move_to_end(digest)
        while len(self._stored) > _MAX_STORED:
            self._stored.popitem(last=False)

    def _open(self, call: Call) -> _Content:
        try:
            parts, is_kept = self._dissect(call)
            if parts is not None:
                known = known_texts(call) if call.known else []
                if self._memory.size_bytes:
                    known += self._memory.known(call.trace_number)
                if known:
                    parts = split_known(parts, known)
        except CONTENT_ERRORS as error:
            return _Content(None, False, _not_understood(call, error))
        return _Content(parts, is_kept)

    def _settle(
        self, call: Call, content: _Content, texts: CountedTexts, rows: CountedRows
    ) -> _Settled | None:
        dissected, is_kept = content.parts, content.is_kept
        said = call.said
        has_counts = said.input_tokens is not None or said.output_tokens is not None
        if dissected is None and not has_counts and call.operation not in _MODEL_OPERATIONS:
            return None
        counts = None
        problem = content.problem
        if dissected is not None:
            try:
                dissected = self._with_examples(call, dissected, texts)
                counts, problem = self._anatomy(call, dissected, texts)
            except CONTENT_ERRORS as error:
                problem = _not_understood(call, error)
        if dissected is None or counts is None:
            dissected = None
        else:
            self._observe(call, counts)
            self._note_parts(call, dissected, counts, texts, rows, is_kept=is_kept)
        ledger = settle_call(
            said,
            counts,
            operation=call.operation,
            is_error=call.is_error,
            is_stream=call.is_stream,
            media=reported_media(call.attributes),
        )
        row = usage_row(call, ledger, dissected, self._cost(call, ledger))
        if row["problem"] is None:
            row["problem"] = self.rules.of(call.run_id).problem
        if problem is not None:
            row["content_problem"] = problem
        if dissected is not None and not is_kept:  # a template's text is made of the calls' texts
            dissected = dissect(call.attributes, call.events)
        return _Settled(call, row, dissected)

    def _with_examples(self, call: Call, dissected: Dissected, texts: CountedTexts) -> Dissected:
        reference = (uuid_bytes(call.key[0]), call.key[1])
        return self._examples.mark(call.stage, dissected, reference, texts.hash_of)

    def _observe(self, call: Call, counts: Anatomy) -> None:
        """Learns what a model bills for tokens that are not counted exactly."""
        billed, model = call.said.input_tokens, call.said.model
        if counts.is_exact or model is None or billed is None or call.said.origin != REPORTED:
            return
        provider = call.said.provider
        if observe(self._calibration, counts, billed, model=model, provider=provider):
            self._has_learned = True

    def _dissect(self, call: Call) -> tuple[Dissected | None, bool]:
        """(the call's parts, whether their texts may be stored). Content that is switched off may
        be in memory still, so that what was retrieved can be found in it."""
        if PARTS_NAME in call.attributes:
            held = self._memory.call(call.trace_number, call.key[1])
            if held is not None:
                return held, False
        return dissect(call.attributes, call.events), True

    def _anatomy(
        self, call: Call, dissected: Dissected, texts: CountedTexts
    ) -> tuple[Anatomy, str | None]:
        """The call's anatomy, and what the user's own tokenizer could not do: then it is counted
        as it is without one."""
        custom = self._custom(call)
        if custom is not None:
            try:
                return self._counted(call, dissected, texts, custom), None
            except UsageError as error:
                log.warning("span %016x is counted without it: %s", call.key[1], error)
                return self._counted(call, dissected, texts, None), str(error)
        return self._counted(call, dissected, texts, None), None

    def _custom(self, call: Call) -> CountText | None:
        return self.rules.of(call.run_id).tokenizers.find(call.said.model)

    def _counted(
        self, call: Call, dissected: Dissected, texts: CountedTexts, custom: CountText | None
    ) -> Anatomy:
        said = call.said
        return anatomy(
            dissected,
            model=said.model,
            provider=said.provider,
            counter=texts,
            calibration=self._calibration,
            custom=custom,
            billed_input=said.input_tokens,
            billed_output=said.output_tokens,
            hash_of=texts.hash_of,
        )

    def _cost(self, call: Call, ledger: LedgerRow) -> Cost:
        if call.reported_cost_usd is not None:
            return Cost(call.reported_cost_usd, REPORTED)
        prices = self.rules.of(call.run_id).prices
        if prices is None:
            return UNPRICED
        return prices.cost(
            ledger.quantities(),
            model=call.said.model,
            provider=call.said.provider,
            at_ns=call.start_ns,
        )

    def _note_parts(
        self,
        call: Call,
        dissected: Dissected,
        counts: Anatomy,
        texts: CountedTexts,
        rows: CountedRows,
        *,
        is_kept: bool,
    ) -> None:
        trace_id, span_id = uuid_bytes(call.key[0]), call.key[1]
        parts: dict[bytes, Part] | None = None
        for row in counts.rows:
            rows.call_parts.append(part_row(trace_id, span_id, row))
            digest = row.hash
            if digest is None or digest in self._stored or digest in rows.prompts:
                continue
            if parts is None:
                parts = {texts.hash_of(part): part for part in dissected.parts} if is_kept else {}
            rows.prompts[digest] = prompt_row(row, parts.get(digest), max_bytes=self._max_bytes)
        if not dissected.tools_offered and not dissected.tools_called:
            return
        called = set(dissected.tools_called)
        for name in dict.fromkeys((*dissected.tools_offered, *dissected.tools_called)):
            rows.tool_use.append(
                {
                    "trace_id": trace_id,
                    "span_id": span_id,
                    "name": clean_text(name),
                    "offered": name in dissected.tools_offered,
                    "called": name in called,
                }
            )

    def _group(self, settled: Sequence[_Settled], rows: CountedRows) -> None:
        """Gives the calls with content, or a name for their prompt, their templates."""
        chosen = [
            (one, name)
            for one in settled
            for name in (prompt_name(one.call.attributes),)
            if name or (one.dissected is not None and one.dissected.parts)
        ]
        keys = [
            CallKey(
                name,
                one.call.stage,
                one.dissected.parts if one.dissected is not None else (),
                one.call.start_ns,
                (one.row["trace_id"], one.row["span_id"]),
            )
            for one, name in chosen
        ]
        for (one, _), template_id in zip(chosen, self._templates.assign_many(keys), strict=True):
            one.row["template_id"] = template_id
        rows.templates = self._templates.take_changed()
        rows.moved = self._templates.take_moved()


def _not_understood(call: Call, error: Exception) -> str:
    log.warning("the content of span %016x is not counted: %s", call.key[1], error)
    return "it could not be counted"
