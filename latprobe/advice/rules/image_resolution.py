"""Images sent at a resolution that costs tokens, and is more than most questions need."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from latprobe.advice.context import Context
from latprobe.advice.outputs.template_calls import TemplateCalls
from latprobe.advice.outputs.token_saving import FEW_CALLS, Fewer, token_suggestion
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.analysis.counted_calls import PARTS, calls_sql
from latprobe.tokens.media import media_tokens
from latprobe.tokens.part import Media

NAME = "image_resolution"

# Pages of a scan need more; for photographs, charts and screenshots in general this does. Vendors
# shrink to between 768 and 1568 themselves.
_LARGE_PX = 1_280
# The largest of these that saves enough, by the vendor's formula.
_EDGES_PX = (1_024, 768, 512)
_LEAST_OF_IMAGE = 0.3
_LEAST_SHARE = 0.15
_MOST_IMAGES = 20_000

_IMAGES = f"""
SELECT replace(p.template::VARCHAR, '-', '') AS template, p.stage, p.trace_id::VARCHAR AS trace,
       p.span_id, p.tokens, t.media::VARCHAR AS media,
       count(*) OVER (PARTITION BY p.template, p.stage) AS images
FROM parts p JOIN prompts t ON t.hash = p.hash
WHERE p.part = 'image' AND t.media IS NOT NULL LIMIT {_MOST_IMAGES}
"""


@dataclass(frozen=True, slots=True)
class _Image:
    """`stands_for` images like it, itself too, where there are more than were read."""

    media: Media
    tokens: int
    call: tuple[str, int]
    stands_for: float = 1.0


def find(context: Context) -> Iterator[Suggestion]:
    """Each template with images that are large, and cheaper by the model's formula if smaller."""
    images: dict[tuple[str | None, str], list[_Image]] = defaultdict(list)
    before, parameters = calls_sql(context.scope)
    rows = context.query(before + PARTS + _IMAGES, parameters).to_pylist()
    read = Counter((row["template"], row["stage"]) for row in rows)
    for row in rows:
        key = (row["template"], row["stage"])
        media = _media(row["media"])
        if media is not None and row["tokens"]:
            call = (row["trace"], row["span_id"])
            images[key].append(_Image(media, row["tokens"], call, row["images"] / read[key]))
    for group in context.templates:
        found = [image for each in group.members for image in images[each, group.stage]]
        if found:
            yield from _of(context, group, found)


def _media(text: str) -> Media | None:
    values = json.loads(text)
    if not isinstance(values, dict) or not values.get("width") or not values.get("height"):
        return None
    known = {each.name for each in fields(Media)}
    return Media(**{**dict.fromkeys(known), **{k: v for k, v in values.items() if k in known}})


def _of(context: Context, group: TemplateCalls, images: Sequence[_Image]) -> Iterator[Suggestion]:
    calls = len({image.call for image in images})
    tokens = _tokens(images)
    for edge in _EDGES_PX:
        less = sum(_saved(image, edge, group) for image in images)
        # Calls without an image stay as they are.
        every = sum(_saved(image, edge, group) * image.stands_for for image in images)
        saved = every / max(group.calls, 1)
        if less < _LEAST_OF_IMAGE * tokens:
            continue
        if saved >= _LEAST_SHARE * group.input_tokens and calls >= FEW_CALLS:
            yield _suggestion(
                context, group, images, edge, calls=calls, of_these=less / calls, saved=saved
            )
        return


def _saved(image: _Image, edge: int, group: TemplateCalls) -> float:
    """Tokens less with the longer side at so many pixels, by the formula's ratio."""
    width, height = image.media.width or 0, image.media.height or 0
    longest = max(width, height)
    if longest <= max(_LARGE_PX, edge):
        return 0.0
    small = replace(
        image.media,
        width=max(round(width * edge / longest), 1),
        height=max(round(height * edge / longest), 1),
    )
    now = media_tokens(image.media, group.model, group.provider)
    then = media_tokens(small, group.model, group.provider)
    if now is None or then is None or not now.tokens or then.tokens is None:
        return 0.0
    return image.tokens * max(1 - then.tokens / now.tokens, 0.0)


def _suggestion(
    context: Context,
    group: TemplateCalls,
    images: Sequence[_Image],
    edge: int,
    *,
    calls: int,
    of_these: float,
    saved: float,
) -> Suggestion:
    """`of_these` are the tokens saved of a call with images, `saved` of any call, on average."""
    longest = sorted(max(i.media.width or 0, i.media.height or 0) for i in images)
    now = group.input_tokens
    source = media_tokens(images[0].media, group.model, group.provider)
    return token_suggestion(
        context,
        group,
        Fewer(input_tokens=saved, is_estimated=True),
        rule=NAME,
        title=f"Send images of at most {edge} pixels in {group.subject}: {now:.0f} -> "
        f"{now - saved:.0f} input tokens a call",
        evidence=(
            Evidence("images", len(images), f"in {calls} calls"),
            Evidence("longer side, median", longest[len(longest) // 2], "pixels"),
            Evidence("tokens of images now", round(_tokens(images) / calls), "a call"),
            Evidence("tokens saved, by the formula", round(of_these), "a call"),
            Evidence("the formula's source", source.source if source else None),
        ),
        how=f"Resize before sending (Pillow: image.thumbnail(({edge}, {edge}))), or ask for a "
        "lower detail where the model has it.\n"
        "Crop to what is asked about rather than shrink, where you know it.",
        verify=f"`latprobe prompts`: input tokens of {group.stage} fall by about {saved:.0f} "
        "a call.",
        link="https://developers.openai.com/api/docs/guides/images-vision",
        preconditions=("Small print stays readable: compare answers on some recorded images.",),
        seen=calls,
    )  # fmt: skip


def _tokens(images: Sequence[_Image]) -> int:
    return sum(image.tokens for image in images)
