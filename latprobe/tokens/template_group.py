"""The templates of one stage and one set of tools, found as its calls come in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from hashlib import blake2b

from latprobe.tokens.prompt_frame import CallKey, Frame
from latprobe.tokens.stable_text import (
    Pieces,
    common_pieces,
    heads,
    holds,
    length_by_kind,
)
from latprobe.tokens.template import OPEN_CHARACTERS, Template
from latprobe.tokens.template_evidence import SYSTEM, USER, form_of, shared_text
from latprobe.tokens.waiting_calls import Waiting, WaitingCalls, sample

MAX_TEMPLATES = 128
_KEPT_TEMPLATES = 96
# A call refines a template whose text it has nearly all of; over all refinements half must stay.
_NEAR, _NEAR_AT_ALL = 0.7, 0.5
_PROBES, _PROBE_CHARACTERS, _PROBES_HELD = 8, 12, 0.5
# A special case of a new template is merged into it if it has few calls.
_SPECIAL_CALLS, _SPECIAL_SHARE = 6, 0.03
# After so many calls in vain only each eighth call is looked at.
_PATIENCE, _SKIP = 512, 8


class TemplateGroup:
    """`moved` collects (reference, new id) of calls whose template was found after them."""

    def __init__(self, stage: str, tools: bytes) -> None:
        self.stage, self.tools = stage, tools
        self.found: list[Template] = []  # the most stable text first
        self.merged: list[Template] = []
        self.calls = 0
        self.moved: list[tuple[object, bytes]] = []
        self._waiting = WaitingCalls()
        self._in_vain = 0
        self.rest: Template | None = None

    @property
    def size(self) -> int:
        return len(self.found) + len(self.merged) + (self.rest is not None)

    def templates(self) -> Iterator[Template]:
        """All of them, merged ones too."""
        yield from self.found
        yield from self.merged
        if self.rest is not None:
            yield self.rest

    def restore(self, template: Template) -> None:
        """Takes in a stored template."""
        if template.merged_into is not None:
            self.merged.append(template)
        elif template.kind == "rest":
            self.rest = template
        else:
            self._insert(template)
        self.calls += template.calls

    def assign(self, key: CallKey, frame: Frame) -> Template:
        """The call's template; learns from the call."""
        self.calls += 1
        template = self.match(frame)
        if template is None or template.is_open:
            template = self._near(frame.text) or self._search(key, frame, template)
        template.count_call(key.start_ns)
        return template

    def match(self, frame: Frame) -> Template | None:
        """The template with the most stable text among those that the frame holds."""
        template = self._holder(frame.text)
        if (template is None or template.is_open) and frame.opening is not None:
            opened = self._holder(frame.opening)
            if opened is not None and not opened.is_open:
                return opened
        return template

    def _holder(self, text: str) -> Template | None:
        starts = heads(text)
        for each in self.found:
            if (each.head is None or each.head in starts) and holds(text, each.pieces or ()):
                return each
        return None

    def _near(self, text: str) -> Template | None:
        """A template of which the text has nearly everything: it is refined to what both share."""
        for template in self.found:
            if template.failed_refinements > 8 + template.calls or template.is_open:
                continue
            if _probed(template.pieces or (), text) < _PROBES_HELD:
                continue
            pieces = common_pieces(template.pieces or (), text)
            user = length_by_kind(pieces, USER)
            kept = user + length_by_kind(pieces, SYSTEM)
            if (
                user >= max(OPEN_CHARACTERS, _NEAR * template.user_weight)
                and kept >= _NEAR * template.weight
                and kept >= _NEAR_AT_ALL * template.first_weight
            ):
                self._refine(template, pieces)
                return template
            template.failed_refinements += 1
        return None

    def _search(self, key: CallKey, frame: Frame, open_template: Template | None) -> Template:
        """The template that this call and waiting ones show, else the one it counts for so far."""
        node = open_template or self._refined_open(frame.text) or self._rest_for(key, frame.text)
        waiting = Waiting(frame.text, node, key.reference, frame.opening)
        if self._is_skipped(frame, node):
            self._waiting.keep(waiting)
            return node
        letters = SYSTEM + USER if node.kind == "rest" else USER
        alike = self._waiting.add(waiting, letters)
        created = alike and self._create(alike[0], alike[1], node, key)
        if not created:
            self._in_vain += 1
            return node
        self._in_vain = 0
        return created if holds(frame.text, created.pieces or ()) else node

    def _refined_open(self, text: str) -> Template | None:
        """An open template whose system text changes in a place that was not known."""
        for template in self.found:
            if not template.is_open or _probed(template.pieces or (), text) < _PROBES_HELD:
                continue
            pieces = common_pieces(template.pieces or (), text)
            kept = length_by_kind(pieces, SYSTEM)
            if kept >= max(_NEAR * template.weight, _NEAR_AT_ALL * template.first_weight, 1):
                self._refine(template, pieces)
                return template
        return None

    def _is_skipped(self, frame: Frame, node: Template) -> bool:
        if frame.opening is not None and node.kind != "rest":
            return True  # a later turn of a chat
        return self._in_vain > _PATIENCE and self.calls % _SKIP != 0

    def _rest_for(self, key: CallKey, text: str) -> Template:
        if self.rest is None:
            self.rest = Template(self._id("rest"), "rest", self.stage, self.tools, key.start_ns)
        shared = self.rest.pieces
        if shared is None:
            self.rest.set_pieces((text,))
        elif not holds(text, shared):
            self.rest.set_pieces(common_pieces(shared, text))
        return self.rest

    def _create(
        self, size: int, calls: list[Waiting], node: Template, key: CallKey
    ) -> Template | None:
        frames = [call.frame for call in sample([each for each in calls if each.node is node])]
        if len(frames) < 2:
            return None
        form = form_of(
            call.lines for call in self._waiting if call.node is node and call.opening is None
        )
        first: Pieces = (frames[0],)
        shared = reduce(common_pieces, frames[1:], first)
        pieces = shared_text(size, shared, frames, node, form)
        if pieces is None:
            return None
        template = self._new(pieces, key)
        self._insert(template)
        self._merge_special_cases(template)
        self._move(template)
        self._drop_smallest()
        return template

    def _new(self, pieces: Pieces, key: CallKey) -> Template:
        """A template; the first one takes over the rest's id if it explains the rest's calls."""
        rest = self.rest
        if rest is not None and not self.found and not self.merged:
            held = sum(holds(call.frame, pieces) for call in self._waiting)
            if held + 1 >= rest.calls and held >= 0.8 * len(self._waiting):
                rest.kind, self.rest = "found", None
                rest.first_weight = 0
                rest.set_pieces(pieces)
                return rest
        new = Template(self._id("\0".join(pieces)), "found", self.stage, self.tools, key.start_ns)
        new.set_pieces(pieces)
        return new

    def _move(self, template: Template) -> None:
        """Waiting calls that the new template holds leave; those of an open one wait on."""
        for call in list(self._waiting):
            if not call.is_of(template.pieces or (), is_open=template.is_open):
                if call.node is template:  # it had counted for the rest, whose id this now has
                    call.node = self._rest_for_moved(template, call)
                continue
            if call.node is not template:
                template.calls += 1
                if isinstance(call.node, Template):
                    call.node.calls -= 1
                if call.reference is not None:
                    self.moved.append((call.reference, template.template_id))
            call.node = template
            if not template.is_open:
                self._waiting.remove(call)

    def _rest_for_moved(self, template: Template, call: Waiting) -> Template:
        if self.rest is None:
            self.rest = Template(
                self._id("other"), "rest", self.stage, self.tools, template.first_seen_ns
            )
        self.rest.calls += 1
        template.calls -= 1
        if call.reference is not None:
            self.moved.append((call.reference, self.rest.template_id))
        return self.rest

    def _refine(self, template: Template, pieces: Pieces) -> None:
        template.set_pieces(pieces)
        self.found.remove(template)
        self._insert(template)
        self._merge_special_cases(template)

    def _insert(self, template: Template) -> None:
        self.found.append(template)
        self.found.sort(key=lambda each: (-each.weight, each.template_id))

    def _merge_special_cases(self, template: Template) -> None:
        """Templates that only a changing place's value told apart, as a document read often."""
        few = max(_SPECIAL_CALLS, _SPECIAL_SHARE * self.calls)
        for other in list(self.found):
            if other is template or other.is_open != template.is_open:
                continue
            if other.calls >= few and other.weight > template.weight:
                continue
            if template.is_open and other.weight > template.weight / _NEAR:
                continue
            if holds("\x04".join(other.pieces or ()), template.pieces or ()):
                self._merge(other, template)

    def _merge(self, template: Template, target: Template) -> None:
        self.found.remove(template)
        template.merged_into = target.template_id
        template.is_changed = True
        for other in self.merged:
            if other.merged_into == template.template_id:
                other.merged_into = target.template_id
                other.is_changed = True
        self.merged.append(template)
        target.calls += template.calls
        while len(self.merged) > MAX_TEMPLATES and not self.merged[0].is_changed:
            self.merged.pop(0)

    def _drop_smallest(self) -> None:
        """With too many templates, those with the fewest calls join what holds them or the rest."""
        if len(self.found) <= MAX_TEMPLATES:
            return
        by_calls = sorted(self.found, key=lambda each: (each.calls, each.seen_ns))
        for template in by_calls[: len(self.found) - _KEPT_TEMPLATES]:
            if template.is_open:
                continue
            text = "\x04".join(template.pieces or ())
            wider = (each for each in self.found if each.is_open and holds(text, each.pieces or ()))
            self._merge(template, next(wider, None) or self._rest_of(template))

    def _rest_of(self, template: Template) -> Template:
        if self.rest is None:
            self.rest = Template(
                self._id("other"), "rest", self.stage, self.tools, template.first_seen_ns
            )
        return self.rest

    def _id(self, what: str) -> bytes:
        text = "\0".join((self.stage, self.tools.hex(), what))
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _probed(pieces: Pieces, text: str) -> float:
    """The share of some short samples of the pieces that stand in the text: a cheap look."""
    joined = "\x04".join(pieces)
    step = max(1, (len(joined) - _PROBE_CHARACTERS) // _PROBES)
    probes = [joined[at : at + _PROBE_CHARACTERS] for at in range(0, len(joined), step)]
    probes = [probe for probe in probes if "\x04" not in probe]
    return sum(probe in text for probe in probes) / len(probes) if probes else 1.0
