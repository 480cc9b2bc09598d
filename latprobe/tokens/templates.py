"""Calls grouped by the stable text of their prompts, as they come in.

A prompt name that the user gave is the template. Otherwise calls of one stage with the same tools
are compared by the text of their instructions (see `prompt_frame`): what several share is a
template, what changes between them is a place in it. Calls that fit none count for the rest of
their stage. Memory is bounded: the stages that were not seen for longest are forgotten first, and
calls of a forgotten template that comes back find it again by its text or count for the rest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

from latprobe.tokens.prompt_frame import CallKey, frame_of, tools_digest
from latprobe.tokens.stable_text import common_pieces, holds
from latprobe.tokens.template import HASHED, Template, TemplateRow, row_of, template_of
from latprobe.tokens.template_group import TemplateGroup

__all__ = ["CallKey", "TemplateMiner", "TemplateRow"]

MAX_TEMPLATES = 2_000
# A stage that offers other tools in each call has one group for all further sets.
_MAX_TOOL_SETS = 16
_VARYING = b"varying "
_MAX_HASHED = 64

_Key = tuple[str, bytes]


class TemplateMiner:
    """Not for several threads. `rows` are what an earlier miner stored; the same calls in the same
    order give the same ids, in every process."""

    def __init__(
        self, rows: Iterable[TemplateRow] = (), *, max_templates: int = MAX_TEMPLATES
    ) -> None:
        self._groups: OrderedDict[_Key, TemplateGroup] = OrderedDict()
        self._named: OrderedDict[str, Template] = OrderedDict()
        self._hashed: OrderedDict[bytes, Template] = OrderedDict()
        self._tool_sets: dict[str, set[bytes]] = {}
        self._limit = max_templates
        self._forgotten: list[Template] = []
        stored = [template for row in rows if (template := template_of(row)) is not None]
        for template in sorted(stored, key=lambda each: each.seen_ns)[-max_templates:]:
            self._restore(template)

    def assign(self, key: CallKey) -> bytes:
        """The id (16 bytes) of the call's template."""
        return self._assign(key).template_id

    def assign_many(self, keys: Sequence[CallKey]) -> list[bytes]:
        """The ids of calls in their order, the same in batches of any size once what `take_moved`
        gives is applied."""
        return [
            template.merged_into or template.template_id for template in map(self._assign, keys)
        ]

    def take_changed(self) -> list[TemplateRow]:
        """Rows to store, of templates that are new or changed since the last call of this."""
        changed = []
        for template, is_alone in [*self._all(), *((each, True) for each in self._forgotten)]:
            if template.is_changed:
                template.is_changed = False
                changed.append(row_of(template, is_alone=is_alone))
        self._forgotten.clear()
        return changed

    def take_moved(self) -> list[tuple[object, bytes]]:
        """(reference, id) of earlier calls whose template was found since the last call of this."""
        moved: dict[object, bytes] = {}
        for group in self._groups.values():
            moved.update(group.moved)
            group.moved.clear()
        return list(moved.items())

    def _assign(self, key: CallKey) -> Template:
        if key.prompt_name:
            return self._assign_named(key)
        frame = frame_of(key.parts)
        tools = self._known_tools(key.stage, tools_digest(key.parts))
        if frame.is_hashed:
            return self._assign_hashed(key, frame.text, tools)
        group = self._group(key.stage, tools)
        before = group.size
        template = group.assign(key, frame)
        if group.size > before:
            self._forget_oldest()
        return template

    def _assign_named(self, key: CallKey) -> Template:
        name = key.prompt_name or ""
        template = self._named.get(name)
        if template is None:
            template = Template(
                _digest("prompt name", name), "named", key.stage, b"", key.start_ns, name=name
            )
            self._named[name] = template
            self._forget_oldest()
        self._named.move_to_end(name)
        frame = frame_of(key.parts)
        if not frame.is_hashed and key.parts:
            pieces = template.pieces
            if pieces is None:
                template.set_pieces((frame.text,))
            elif not holds(frame.text, pieces):
                template.set_pieces(common_pieces(pieces, frame.text))
        template.count_call(key.start_ns)
        return template

    def _assign_hashed(self, key: CallKey, text: str, tools: bytes) -> Template:
        """Texts were not kept: the same stage, tools and system text are one template."""
        template_id = _digest(HASHED, key.stage, tools.hex(), text)
        if template_id not in self._hashed:
            siblings = sum(each.stage == key.stage for each in self._hashed.values())
            if siblings >= _MAX_HASHED:
                template_id = _digest(HASHED, key.stage, "rest")
        template = self._hashed.get(template_id)
        if template is None:
            template = Template(template_id, HASHED, key.stage, tools, key.start_ns)
            self._hashed[template_id] = template
            self._forget_oldest()
        self._hashed.move_to_end(template_id)
        template.count_call(key.start_ns)
        return template

    def _known_tools(self, stage: str, tools: bytes) -> bytes:
        known = self._tool_sets.setdefault(stage, set())
        if len(self._tool_sets) > 2 * self._limit:  # stages that never got a group of their own
            self._tool_sets = {stage: known}
        if tools not in known:
            if len(known) >= _MAX_TOOL_SETS:
                return _VARYING
            known.add(tools)
        return tools

    def _group(self, stage: str, tools: bytes) -> TemplateGroup:
        group = self._groups.get((stage, tools))
        if group is None:
            group = self._groups[stage, tools] = TemplateGroup(stage, tools)
        self._groups.move_to_end((stage, tools))
        return group

    def _restore(self, template: Template) -> None:
        if template.kind == "named":
            self._named[template.name or ""] = template
        elif template.kind == HASHED:
            self._hashed[template.template_id] = template
        else:
            self._known_tools(template.stage, template.tools)
            self._group(template.stage, template.tools).restore(template)

    def _forget_oldest(self) -> None:
        """Drops what was not seen for longest while there are more templates than allowed."""
        while len(self._named) + len(self._hashed) > self._limit:
            kept = self._named if self._named else self._hashed
            self._forgotten.append(kept.popitem(last=False)[1])
        while len(self._groups) > 1 and self._count() > self._limit:
            (stage, tools), group = self._groups.popitem(last=False)
            self._forgotten.extend(group.templates())
            self._tool_sets.get(stage, set()).discard(tools)
            if not self._tool_sets.get(stage):
                self._tool_sets.pop(stage, None)

    def _count(self) -> int:
        found = sum(group.size for group in self._groups.values())
        return found + len(self._named) + len(self._hashed)

    def _all(self) -> Iterator[tuple[Template, bool]]:
        """Each template, and whether it is the only one of its group."""
        for group in self._groups.values():
            is_alone = not group.found and not group.merged
            for template in group.templates():
                yield template, is_alone
        for template in (*self._named.values(), *self._hashed.values()):
            yield template, False


def _digest(*texts: str) -> bytes:
    text = "\0".join(texts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
